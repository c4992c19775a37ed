"""D-FINE and RT-DETR as transformers has them, small and with random weights."""

from typing import Any

LABELS = 80
SIDE = 128


def rtdetr() -> Any:
    from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrV2Config(
        backbone_config=backbone, encoder_in_channels=[16, 24, 32], **_sizes(), num_labels=LABELS
    )
    return _lively(RTDetrV2ForObjectDetection(config))


def dfine() -> Any:
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    backbone = HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 16, 24, 32],
        stage_mid_channels=[8, 8, 8, 8], stage_out_channels=[16, 24, 32, 32],
        stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[16, 24, 32, 32], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = DFineConfig(
        backbone_config=backbone, encoder_in_channels=[24, 32, 32], **_sizes(), num_labels=LABELS
    )
    return _lively(DFineForObjectDetection(config))


def _lively(model: Any) -> Any:
    """Return a model whose queries differ: untrained heads see the same everywhere, or nothing."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model.eval()


def _sizes() -> dict[str, Any]:
    return {
        "d_model": 32, "encoder_hidden_dim": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
        "encoder_attention_heads": 4, "decoder_attention_heads": 4, "decoder_layers": 2,
        "num_queries": 30, "num_denoising": 0, "decoder_in_channels": [32, 32, 32],
    }  # fmt: skip
