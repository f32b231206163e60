"""Networks of configuration files."""

import json
from pathlib import Path

import pytest
import torch

from zcbench.comparison._hugging_face import configuration, head_of, read_config
from zcbench.comparison._models import source_of
from zcbench.errors import InvalidInputError

transformers = pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")

BERT = {
    "model_type": "bert",
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    **{"vocab_size": 60, "max_position_embeddings": 12},
}
GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 60, "n_positions": 12}
VIT = {
    "model_type": "vit",
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    **{"image_size": [16, 24], "patch_size": 8, "num_channels": 1},
}
T5 = {
    "model_type": "t5",
    **{"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32, "d_kv": 8, "vocab_size": 60},
    **{"decoder_start_token_id": 0, "is_encoder_decoder": True},
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(config, *architectures, path="config.json"):
    content = {**config, **({"architectures": list(architectures)} if architectures else {})}
    Path(path).write_text(json.dumps(content))
    return path


def source(config, *architectures):
    found = source_of(f"hf:{written(config, *architectures)}")
    found.check()
    return found


@pytest.mark.parametrize(
    ("config", "named", "built"),
    [
        (BERT, "BertForSequenceClassification", "BertForSequenceClassification"),
        (BERT, "BertForMaskedLM", "BertForMaskedLM"),
        (BERT, "BertForTokenClassification", "BertForTokenClassification"),
        (BERT, "BertModel", "BertForSequenceClassification"),
        (BERT, "BertForQuestionAnswering", "BertForSequenceClassification"),
        (BERT, "BertOfNobody", "BertForSequenceClassification"),
        (BERT, "os.system", "BertForSequenceClassification"),
        (BERT, None, "BertForSequenceClassification"),
        (GPT2, "GPT2LMHeadModel", "GPT2LMHeadModel"),
        (GPT2, None, "GPT2ForSequenceClassification"),
        (VIT, None, "ViTForImageClassification"),
        (T5, "T5ForConditionalGeneration", "T5ForConditionalGeneration"),
    ],
)
def test_the_head_that_is_built(config, named, built):
    found = source(config, *([named] if named else []))
    assert type(found.build(0, None)).__name__ == built
    if named == built:
        assert found.note() == ""
    else:
        assert found.note().startswith(f"{built} was built, because ")


def test_what_networks_take():
    takes = source(BERT).takes()
    assert (takes.name, takes.vocabulary, takes.longest, takes.first) == ("input_ids", 60, 12, 1)
    takes = source(VIT).takes()
    assert (takes.name, takes.shape, takes.words) == ("pixel_values", (1, 16, 24), False)
    assert source(T5, "T5ForConditionalGeneration").takes().decoder
    assert source({"model_type": "resnet"}).takes().shape == (3, 224, 224)  # it takes any size
    assert source({"model_type": "canine"}).takes().vocabulary == 256  # characters
    assert not source(BERT).takes().decoder


def test_weights_follow_from_the_seed():
    first, again, other = (source(BERT).build(seed, None).classifier.weight for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)


def test_the_number_of_classes():
    assert source(BERT).build(0, 7).classifier.out_features == 7
    assert source(BERT).build(0, None).classifier.out_features == 2
    assert source(BERT, "BertForMaskedLM").build(0, 7).config.vocab_size == 60


def test_a_decoder_that_classifies_many_texts_at_once():
    network = source(GPT2).build(0, 3)
    assert network(input_ids=torch.randint(1, 60, (4, 6))).logits.shape == (4, 3)


def test_a_folder(place):
    place.joinpath("model").mkdir()
    written(BERT, path="model/config.json")
    assert read_config("model")["model_type"] == "bert"


def test_files_that_are_no_configurations(place):
    place.joinpath("empty").mkdir()
    place.joinpath("model.safetensors").write_bytes(b"\0" * 40)
    place.joinpath("weights.json").write_bytes(b"\x80\x02.")
    place.joinpath("list.json").write_text("[1]")
    place.joinpath("other.json").write_text('{"layers": 3}')
    place.joinpath("large.json").write_text(" " * (5 << 20))
    for name, message in {
        "empty": "empty has no config.json",
        "model.safetensors": "model.safetensors is a file of weights: give config.json",
        "weights.json": "weights.json is not JSON: give config.json",
        "list.json": "must be an object with model_type",
        "other.json": "must be an object with model_type",
        "large.json": "which no configuration has",
        "bert-base-uncased": "there is no configuration bert-base-uncased: give a local file or folder; nothing is",
        "a/b/c.json": "there is no configuration a/b/c.json: correct the path",
    }.items():
        with pytest.raises(InvalidInputError) as raised:
            read_config(name)
        assert message in str(raised.value)


def test_code_of_a_configuration_is_not_run(place):
    place.joinpath("own.py").write_text("raise SystemExit('hacked')")
    path = written({"model_type": "mine", "auto_map": {"AutoModel": "own.Model"}})
    with pytest.raises(
        InvalidInputError, match=r"no model_type 'mine', which needs its own code, and zcbench does not run it"
    ):
        configuration(path)


def test_a_configuration_that_transformers_refuses():
    path = written({**BERT, "hidden_size": "wide"})
    with pytest.raises(InvalidInputError):
        source_of(f"hf:{path}").build(0, None)


def test_a_network_for_which_there_is_no_room(monkeypatch):
    huge = {**BERT, "hidden_size": 1 << 14, "intermediate_size": 1 << 16, "num_hidden_layers": 40}
    monkeypatch.setattr("zcbench.comparison._hugging_face.machine_memory", lambda: 10**9)
    with pytest.raises(InvalidInputError, match=r"its weights take \d+ GB, more than this machine has"):
        source({**huge, "num_attention_heads": 16}).build(0, None)


def test_a_type_without_a_head_that_classifies():
    path = written({"model_type": "vit_mae"})
    with pytest.raises(InvalidInputError, match="no head that classifies for 'vit_mae'"):
        head_of(path, configuration(path))
