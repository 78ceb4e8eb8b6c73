#!/usr/bin/env python3
"""Writes a GGUF model in the forms that OpenVINO GenAI and onnxruntime-genai call their own, for compare.py.

    peer_models.py MODEL-F16.gguf OUT [FORM...]

OUT/hugging-face is the model as transformers saves it; OUT/FORM what each engine makes of that. Forms (default: all):
openvino-int4 (nncf, symmetric, 128 weights a scale, the head too), openvino-int8 (a scale a row), onnxruntime-int4 (its own
builder, 128 weights a scale, products in int8). OpenVINO's get no tokenizer: what starts from a text is not measured with them. Needs torch, transformers, accelerate, gguf, optimum-intel, nncf, onnx, onnxruntime-genai;
optimum-intel 1.27 takes transformers before 5, the builder of onnxruntime-genai 0.18 one after: name the forms, an environment each.
"""
import pathlib
import subprocess
import sys


def save_hugging_face(model, folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if folder.exists():
        return
    source = {"pretrained_model_name_or_path": str(model.parent), "gguf_file": model.name}
    unfinished = folder.with_suffix(".part")
    AutoTokenizer.from_pretrained(**source).save_pretrained(unfinished)
    AutoModelForCausalLM.from_pretrained(**source, dtype="float16").save_pretrained(unfinished)
    unfinished.rename(folder)


def openvino(source, out, **weights):
    from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig

    config = OVWeightQuantizationConfig(sym=True, **weights)
    OVModelForCausalLM.from_pretrained(source, export=True, quantization_config=config).save_pretrained(out)


def onnxruntime(source, out):
    subprocess.run([sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", source, "-o", out, "-p", "int4", "-e", "cpu",
                    "--extra_options", "int4_block_size=128", "int4_accuracy_level=4", "int4_is_symmetric=true"], check=True)


FORMS = {
    "openvino-int4": lambda source, out: openvino(source, out, bits=4, group_size=128, ratio=1.0),
    "openvino-int8": lambda source, out: openvino(source, out, bits=8),
    "onnxruntime-int4": onnxruntime,
}


def main():
    if len(sys.argv) < 3 or any(form not in FORMS for form in sys.argv[3:]):
        sys.exit(__doc__)
    model, out = pathlib.Path(sys.argv[1]).absolute(), pathlib.Path(sys.argv[2])
    source = out / "hugging-face"
    save_hugging_face(model, source)
    for form in sys.argv[3:] or FORMS:
        FORMS[form](source, out / form)
        print(f"{out / form}")


if __name__ == "__main__":
    main()
