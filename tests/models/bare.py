"""A fixture's graph without what its exporter noted down: where, and by which code, it was made."""

from pathlib import Path


def strip(path: Path) -> None:
    """Take names of files and stack traces out of a graph; what it computes stays."""
    import onnx

    model = onnx.load(str(path))
    del model.metadata_props[:]
    model.doc_string = ""
    for part in (model.graph, *model.graph.node, *model.graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, str(path))
