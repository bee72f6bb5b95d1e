"""Lets the official code of CODEC answer questions, one JSON object a line; runs in that code's own environment.

    python official_codec_adapter.py --official DIR --model FOLDER

``DIR`` is a clone of github.com/duonglm38/Codec, as it is: nothing in it is changed or copied. What has to be patched
is patched here, in memory, after it was imported:

1. ``constrained_decoding`` asks for the device by ``Tensor.get_device()``, which is -1 on a CPU, and sends a mask
   there, which raises "Device index must not be negative". Its module gets a ``torch`` whose ``BoolTensor`` stays
   where it is.
2. A hook on the model's decoder counts calls and rows. It does not touch them.

Not patched, but gone round: the clone's scripts look up the language's id in the tokenizer (``lang_code_to_id``); here
the ids come with the question, and so do the pieces, so that no tokenizer is needed. The ids of the markers are
hard-coded in the clone (709 and 10109, NLLB's); the model that is asked has its brackets there. It imports private
parts of ``transformers``, which the version that it pins (4.29.2) still has.

A question has ``source`` (ids with the marks of the language and the end), ``template`` (pieces), ``language`` (its
id), ``end`` (id), ``alpha`` (None for the exact bound), ``best`` and ``batch``. The answer has ``places`` (start and
end in pieces, log-probability; the best first), ``seconds``, ``cpu_seconds``, ``nodes`` and ``calls``. The first line
written says the versions.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import platform
import sys
import time
import warnings
from typing import Any

import torch


class _Mask:
    """``BoolTensor(n)`` with a ``to`` that knows what -1 means."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def to(self, device: int) -> torch.Tensor:
        return torch.empty(self.rows, dtype=torch.bool, device="cpu" if device < 0 else device)


class _Torch:
    """``torch`` but for one name."""

    BoolTensor = _Mask

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


class Official:
    """The clone's search under one model."""

    def __init__(self, clone: str, folder: str) -> None:
        from transformers import AutoModelForSeq2SeqLM

        sys.path.insert(0, clone)
        vars(importlib.import_module("constrained_decoding"))["torch"] = _Torch()
        self.arguments = importlib.import_module("decoding_argument").BracketConstraintDecodingArgument
        self.generate = importlib.import_module("generation_utils").generate
        self.model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
        self.nodes = self.calls = 0
        self.model.get_decoder().register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.nodes += len(named["input_ids"] if "input_ids" in named else given[0])
        self.calls += 1

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Search once."""
        self.nodes = self.calls = 0
        end, language, alpha = question["end"], question["language"], question["alpha"]
        began, began_cpu = time.perf_counter(), time.process_time()
        given = self.arguments(
            template_ids=torch.tensor([end, language, *question["template"], end]),
            template_pointer=1,
            future_steps=-1 if alpha is None else alpha,
            search_mode=0,
            batch_size=question["batch"],
            bracket_stack=["]", "["],
            model_name="nllb",
            n_best=question["best"],
        )
        found = self.generate(
            self=self.model,
            inputs=torch.tensor([question["source"]]),
            decoding_argument=given.arguments,
            forced_bos_token_id=language,
            max_length=1024,
        ).min_heap
        took = time.perf_counter() - began, time.process_time() - began_cpu
        # Positions count the decoder's start and the language; that of the closing marker the opening one as well.
        places = [(at[0] - 2, at[1] - 3, score) for score, _, _, _, at in sorted(found, key=lambda row: row[:2])]
        return {
            "places": places[::-1],
            "seconds": took[0],
            "cpu_seconds": took[1],
            "nodes": self.nodes,
            "calls": self.calls,
        }


def main() -> None:
    """Answer until there are no more questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", required=True, help="folder of the clone")
    parser.add_argument("--model", required=True, help="folder of the model")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr  # what the clone prints is no answer
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    official = Official(options.official, options.model)
    import transformers

    first = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps(first), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(official.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
