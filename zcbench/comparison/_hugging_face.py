"""Networks of Hugging Face's ``transformers`` from a configuration file: random weights, nothing is downloaded.

No code that a configuration names is run: the network is a class of the installed ``transformers``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench._display import plain
from zcbench._foreign import Foreign
from zcbench._process import machine_memory
from zcbench._torchvision import torchvision_importable
from zcbench.comparison._takes import Takes
from zcbench.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from torch import nn

#: bytes of a configuration, at most; published ones have a few thousand
_LARGEST = 4 << 20
#: pixels of random images for networks that take any size, and ids of characters for networks without a vocabulary
_SIDE, _CHARACTERS = 224, 256
_WEIGHTS = (".bin", ".safetensors", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf")
#: heads with a class per sample, by what their inputs are
_CLASSIFIERS = ("MODEL_FOR_SEQUENCE_CLASSIFICATION", "MODEL_FOR_IMAGE_CLASSIFICATION", "MODEL_FOR_AUDIO_CLASSIFICATION")
#: heads that are scored as they are: the class's name ends so
_HEADS = (
    *("ForSequenceClassification", "ForImageClassification", "ForAudioClassification", "ForVideoClassification"),
    *("ForTokenClassification", "ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForPreTraining"),
    *("ForConditionalGeneration", "ForImageClassificationWithTeacher", "WithLMHeadModel", "MTModel"),
)


@dataclass(frozen=True)
class Head:
    """The class that is built.

    Attributes:
        name: name of the class in ``transformers``.
        why: why it is another one than the configuration names; empty where it is the one.
    """

    name: str
    why: str = ""

    @property
    def labelled(self) -> bool:
        """Whether its number of classes is a setting."""
        return "Classification" in self.name


def read_config(path: str) -> dict[str, Any]:
    """Read a configuration.

    Args:
        path: a file, or a folder with ``config.json``.

    Raises:
        InvalidInputError: it is no configuration of a network.
    """
    file = Path(path)
    if file.is_dir():
        if not (file / "config.json").is_file():
            raise InvalidInputError(f"{path} has no config.json: give the folder of a model, or a configuration file.")
        file /= "config.json"
    if not file.is_file():
        hint = "give a local file or folder; nothing is downloaded" if path.count("/") <= 1 else "correct the path"
        raise InvalidInputError(f"there is no configuration {path}: {hint}.")
    advice = "give config.json; weights are not read, because proxies score random ones"
    if file.suffix.lower() in _WEIGHTS:
        raise InvalidInputError(f"{path} is a file of weights: {advice}.")
    if file.stat().st_size > _LARGEST:
        raise InvalidInputError(f"{path} has {file.stat().st_size:,} bytes, which no configuration has: {advice}.")
    try:
        content = json.loads(file.read_text(encoding="utf8"))
    except (OSError, ValueError, RecursionError):
        raise InvalidInputError(f"{path} is not JSON: {advice}.") from None
    if not isinstance(content, Mapping) or not isinstance(content.get("model_type"), str):
        raise InvalidInputError(f"{path} is no configuration of transformers: it must be an object with model_type.")
    return dict(content)


@cache
def _transformers() -> Any:
    try:
        with torchvision_importable():
            import transformers  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingDependencyError("transformers", "hf", "a network of a Hugging Face configuration") from None
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    return transformers


def _class(name: str) -> Any:
    """Import a class of ``transformers``; None if there is none, or its import fails."""
    found: Any = None
    with torchvision_importable(), Foreign():
        found = getattr(_transformers(), name, None)
    return found if isinstance(found, type) else None


def configuration(path: str) -> Any:
    """Return the configuration as an object of ``transformers``.

    Raises:
        InvalidInputError: the file is no configuration, or of a type that the installed ``transformers`` lacks.
        MissingDependencyError: ``transformers`` is not installed.
    """
    content = read_config(path)
    transformers = _transformers()
    from transformers.models.auto.configuration_auto import (  # type: ignore[import-not-found, unused-ignore]
        CONFIG_MAPPING,
    )

    kind = content["model_type"]
    if kind not in CONFIG_MAPPING:
        own = ", which needs its own code, and zcbench does not run it" if "auto_map" in content else ""
        raise InvalidInputError(
            f"{path}: transformers {transformers.__version__} has no model_type {plain(kind)!r}{own}: build the network"
            " in a function and write  file.py:function"
        )
    found: Any = None
    with torchvision_importable(), Foreign() as call:
        found = CONFIG_MAPPING[kind].from_dict(content)
        if getattr(found, "use_pretrained_backbone", False):
            found.use_pretrained_backbone = False  # it would be downloaded
    if call.kind is not None:
        raise InvalidInputError(f"{path} was refused by transformers: {call.said}")
    return found


def head_of(path: str, config: Any) -> Head:
    """Choose the class that is built: the first that ``architectures`` names, else a head that classifies.

    Raises:
        InvalidInputError: ``transformers`` has no head that classifies for this type.
    """
    named = next((str(name) for name in getattr(config, "architectures", None) or []), "")
    if named.isidentifier() and named.endswith(_HEADS) and _class(named) is not None:
        return Head(named)
    from transformers.models.auto import modeling_auto as heads  # type: ignore[import-not-found, unused-ignore]

    for mapping in (*_CLASSIFIERS, "MODEL_FOR_CAUSAL_LM", "MODEL_FOR_MASKED_LM"):
        found = getattr(heads, f"{mapping}_MAPPING_NAMES").get(config.model_type)
        if found:
            name = found if isinstance(found, str) else found[-1]
            before = f"its architectures name {plain(named)}, which has no such head" if named else "it names no head"
            return Head(name, f"{name} was built, because {before}.")
    raise InvalidInputError(f"{path}: transformers has no head that classifies for {config.model_type!r}.")


def takes(config: Any, head: Head) -> Takes:
    """Return the inputs that a network of the configuration takes."""
    name = getattr(_class(head.name), "main_input_name", "input_ids")
    if name == "input_ids":
        text = config.get_text_config() if hasattr(config, "get_text_config") else config
        lengths = (getattr(text, key, None) for key in ("max_position_embeddings", "n_positions", "max_seq_len"))
        longest = min((int(n) for n in lengths if isinstance(n, int) and n > 0), default=None)
        if longest is not None and config.model_type in ("roberta", "xlm-roberta", "camembert", "longformer"):
            longest -= 2  # positions begin behind the padding
        size = getattr(text, "vocab_size", None)
        vocabulary = int(size) if isinstance(size, int) and size > 1 else _CHARACTERS
        decoder = bool(getattr(config, "is_encoder_decoder", False)) and not head.labelled
        return Takes(name=name, vocabulary=vocabulary, longest=longest, first=_first(text), decoder=decoder)
    vision = getattr(config, "vision_config", config)
    side, channels = getattr(vision, "image_size", None), getattr(vision, "num_channels", 3)
    if name == "pixel_values":
        sizes: Any = side or _SIDE
        height, width = sizes if isinstance(sizes, (list, tuple)) and len(sizes) == 2 else (sizes, sizes)
        return Takes(name=name, shape=(int(channels), int(height), int(width)))
    return Takes(name=name)


def _first(config: Any) -> int:
    """Return the least id that is drawn: smaller ids are padding, beginnings and ends in most vocabularies."""
    special = [getattr(config, f"{kind}_token_id", None) for kind in ("pad", "bos", "eos", "sep", "cls", "mask")]
    low = [one for one in special if isinstance(one, int) and 0 <= one < 16]
    return 1 + max(low, default=0)


def build(path: str, config: Any, head: Head, classes: int | None) -> nn.Module:
    """Build the network with random weights, which global random numbers decide.

    Args:
        path: of the configuration, for messages.
        config: the configuration.
        head: the class.
        classes: number of classes, for a head that classifies; None for what the configuration says.

    Raises:
        InvalidInputError: there is not enough memory for its weights, or its class raises.
    """
    import copy

    import torch

    config = copy.deepcopy(config)
    if classes is not None and head.labelled:
        config.num_labels = classes
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    if head.labelled and getattr(text, "pad_token_id", None) is None and hasattr(text, "vocab_size"):
        text.pad_token_id = config.pad_token_id = 0  # heads of decoders find the last word by it
    kind = _class(head.name)
    if kind is None:
        raise InvalidInputError(f"{path}: {head.name} cannot be imported from transformers.")
    size = math.nan
    with torchvision_importable(), Foreign(), torch.device("meta"):
        size = 4.0 * sum(one.numel() for one in kind(copy.deepcopy(config)).parameters())
    if size > machine_memory():
        raise InvalidInputError(
            f"{path}: its weights take {size / 1e9:.3g} GB, more than this machine has: choose smaller sizes in the "
            "configuration."
        )
    model: Any = None
    with torchvision_importable(), Foreign() as call:
        model = kind(config)
    if call.kind is not None:
        raise InvalidInputError(f"{path}: {head.name} raised {call.said}")
    found: nn.Module = model
    return found
