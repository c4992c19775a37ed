"""open_clip's byte pair vocabulary as a tokenizer.json.

The steps are those of Hugging Face's CLIPConverter (transformers, convert_slow_tokenizer.py).
"""

from typing import Any

PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def tokenizer_of(simple: Any) -> Any:
    """Return a `tokenizers.Tokenizer` that gives the ids of an open_clip SimpleTokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers import processors as after

    merges = [merge for merge, _ in sorted(simple.bpe_ranks.items(), key=lambda item: item[1])]
    begin, end = (simple.decoder[at] for at in (simple.sot_token_id, simple.eot_token_id))
    made = Tokenizer(
        models.BPE(
            vocab=dict(simple.encoder), merges=merges, end_of_word_suffix="</w>", unk_token=end
        )
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.post_processor = after.TemplateProcessing(
        single=f"{begin} $A {end}",
        special_tokens=[(begin, simple.sot_token_id), (end, simple.eot_token_id)],
    )
    return made
