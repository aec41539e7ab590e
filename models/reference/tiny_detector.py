"""A tiny zero-shot object detector with random weights: OWL-ViT as `@huggingface/transformers` loads it.

    python tiny_detector.py OUT_FOLDER

For a test that sends words to a real detector and gets boxes back. The boxes themselves mean nothing.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import OwlViTConfig, OwlViTForObjectDetection

from traced import strip

SIZE = 64
START, END = "<|startoftext|>", "<|endoftext|>"


class Detector(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, pixel_values, attention_mask):
        found = self.model(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask)
        return found.logits, found.pred_boxes


def tokenizer() -> Tokenizer:
    """A tokenizer as CLIP's, with single bytes as its only tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, *(f"{letter}</w>" for letter in alphabet), START, END]
    made = Tokenizer(
        models.BPE({name: i for i, name in enumerate(names)}, [], end_of_word_suffix="</w>", unk_token=END)
    )
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(False)])
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing((END, len(names) - 1), (START, len(names) - 2), False, False)
    return made


@torch.no_grad()
def main(out: Path) -> None:
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    vocabulary = made.get_vocab_size()
    shape = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    ends = dict(bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=0)
    config = OwlViTConfig(
        text_config=dict(**shape, vocab_size=vocabulary, max_position_embeddings=16, **ends),
        vision_config=dict(**shape, image_size=SIZE, patch_size=16),
        projection_dim=16,
    )
    torch.manual_seed(3)
    model = OwlViTForObjectDetection(config).eval()
    # boxes near the default ones, not at the borders
    for parameter in model.box_head.parameters():
        parameter.mul_(0.02)
    ids = torch.tensor([[vocabulary - 2, 5, 6, vocabulary - 1]])
    tokens = {1: torch.export.Dim("tokens", min=2, max=16)}
    file = out / "onnx" / "model.onnx"
    torch.onnx.export(
        Detector(model).eval(),
        (ids, torch.zeros(1, 3, SIZE, SIZE), torch.ones_like(ids)),
        file,
        input_names=["input_ids", "pixel_values", "attention_mask"],
        output_names=["logits", "pred_boxes"],
        dynamic_shapes=(tokens, None, tokens),
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    strip(file)
    model.config.save_pretrained(out)
    made.save(str(out / "tokenizer.json"), pretty=False)
    tokenizer_config = dict(
        tokenizer_class="CLIPTokenizer", model_max_length=16, pad_token="!", bos_token=START, eos_token=END
    )
    (out / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    processor = dict(
        image_processor_type="OwlViTImageProcessor",
        do_resize=True,
        do_center_crop=False,
        do_normalize=True,
        size=dict(height=SIZE, width=SIZE),
        crop_size=dict(height=SIZE, width=SIZE),
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
        resample=3,
    )
    (out / "preprocessor_config.json").write_text(json.dumps(processor))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
