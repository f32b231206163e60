"""Modules that know nothing of zcbench, made elastic: a transformer of torch and a BERT of Hugging Face."""

import pytest
import torch
from torch import nn

from zcbench.spaces._base import ChoiceSpace
from zcbench.supernets import WeightSharing, cuts, first_of_blocks, register_cut, shared_weights
from zcbench.testing import check_supernet


class Choices(ChoiceSpace):
    """Numbers with commas between them."""

    def read(self, text):
        return tuple(text.split(","))

    def write(self, choices):
        return ",".join(choices)

    def ends(self):
        """The first of all options, and the last."""
        return [self.from_choices([options[place] for options in self.options]) for place in (0, -1)]


# -- an nn.TransformerEncoder: width and heads, feed-forward width, depth ----------------------

ENCODERS = Choices("encoders", [["8x1", "8x2", "16x2", "16x4", "32x4"], ["16", "24", "48"], ["1", "2", "3"]])


class Encoder(nn.Module):
    def __init__(self, width, heads, wide, depth):
        super().__init__()
        self.into, self.places = nn.Linear(8, width), nn.Parameter(torch.randn(8, width))
        layer = nn.TransformerEncoderLayer(width, heads, wide, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.out = nn.Linear(width, 10)

    def forward(self, images):
        return self.out(self.layers(self.into(images.flatten(1, 2)) + self.places).mean(1))


def encoder(architecture):
    size, wide, depth = ENCODERS.choices(architecture)
    return Encoder(*map(int, size.split("x")), int(wide), int(depth))


def test_a_transformer_encoder_of_torch():
    torch.manual_seed(0)
    smallest, largest = ENCODERS.ends()
    supernet = WeightSharing(ENCODERS, encoder, largest=largest, smallest=smallest)
    report = check_supernet(supernet, torch.randn(6, 1, 8, 8))
    assert report.ok, str(report)
    assert {o.check for o in report.outcomes if o.status == "skipped"} == {"equal networks", "evaluate"}
    for architecture in ENCODERS:  # each can be cut
        supernet.structure(architecture)
    small = supernet.subnet(
        ENCODERS.from_choices(("16x2", "24", "2"))
    )  # two heads of eight, the first of four of eight
    whole, part = supernet.whole.layers.layers[1].self_attn, small.layers.layers[1].self_attn
    for place in range(3):
        assert torch.equal(part.in_proj_weight[16 * place :][:16], whole.in_proj_weight[32 * place :][:16, :16])


# -- a BERT of Hugging Face --------------------------------------------------------------------

BERTS = Choices("berts", [["1", "2", "4"], ["4", "8"], ["16", "32"], ["1", "2"]])  # heads, width of each


class Classifier(nn.Module):
    """A BERT that returns logits and nothing else."""

    def __init__(self, heads, width, wide, depth):
        transformers = pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")
        super().__init__()
        config = transformers.BertConfig(
            vocab_size=50,
            hidden_size=heads * width,
            num_attention_heads=heads,
            num_hidden_layers=depth,
            intermediate_size=wide,
            max_position_embeddings=16,
            num_labels=3,
        )
        self.bert = transformers.BertForSequenceClassification(config)

    def forward(self, tokens):
        return self.bert(input_ids=tokens).logits


def berts(space=BERTS):
    torch.manual_seed(0)
    smallest, largest = space.ends()
    return WeightSharing(
        space,
        lambda architecture: Classifier(*map(int, space.choices(architecture))),
        largest=largest,
        smallest=smallest,
    )


def queries(supernet, *choices):
    """Rows of a subnet's queries, by the number of the row of the supernet's that each is."""
    query = supernet.whole.bert.bert.encoder.layer[0].attention.self.query
    with torch.no_grad():
        query.bias.copy_(torch.arange(len(query.bias)))
    small = supernet.subnet(supernet.space.from_choices(choices))
    return small.bert.bert.encoder.layer[0].attention.self.query.bias.tolist()


def tokens():
    return torch.randint(1, 50, (6, 8), generator=torch.Generator().manual_seed(0))


def test_a_bert_whose_heads_keep_their_width():
    """Queries are a linear layer with heads side by side: the first features are the first heads."""
    supernet = berts(Choices("berts", [["1", "2", "4"], ["8"], ["16", "32"], ["1", "2"]]))
    report = check_supernet(supernet, tokens())
    assert report.ok, str(report)
    assert queries(supernet, "2", "8", "16", "1") == list(range(16))


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.setattr(cuts, "_CUTS", dict(cuts._CUTS))


@pytest.mark.usefixtures("rules")
def test_a_bert_whose_heads_change_their_width():
    """The first features are not the first of each head: a rule of the attention's own says which are."""
    bert = pytest.importorskip("transformers.models.bert.modeling_bert", reason="needs the extra zcbench[hf]")
    assert queries(berts(), "2", "4", "16", "1") == list(range(8))  # all of the first head

    @register_cut(bert.BertAttention)
    def heads(larger, smaller):
        had, has = ((one.self.num_attention_heads, one.self.attention_head_size) for one in (larger, smaller))
        hidden, weights, found = smaller.self.query.in_features, dict(larger.named_parameters()), {}
        for name in ("self.query", "self.key", "self.value"):
            found[f"{name}.weight"] = first_of_blocks(weights[f"{name}.weight"], 0, had, has)[:, :hidden]
            found[f"{name}.bias"] = first_of_blocks(weights[f"{name}.bias"], 0, had, has)
        found["output.dense.weight"] = first_of_blocks(weights["output.dense.weight"], 1, had, has)[:hidden]
        return found | {
            name: weights[name][:hidden]
            for name in ("output.dense.bias", "output.LayerNorm.weight", "output.LayerNorm.bias")
        }

    supernet = berts()
    assert queries(supernet, "2", "4", "16", "1") == [0, 1, 2, 3, 8, 9, 10, 11]
    for architecture in (supernet.smallest, supernet.space.from_choices(("2", "4", "16", "2"))):
        supernet.eval().activate(architecture)
        with torch.no_grad():
            assert torch.equal(supernet(tokens()), supernet.subnet(architecture)(tokens()))
    attention = supernet.whole.bert.bert.encoder.layer[0].attention
    assert set(shared_weights(attention, attention)) == {name for name, _ in attention.named_parameters()}
