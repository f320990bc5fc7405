"""From a recorded result to the provider that serves it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import Any, cast

import ray

from chia_bypass.errors import ChiaBypassError, UsageError
from chia_bypass.identity.producers import Producers
from chia_bypass.outputs.restore import LeftBy
from chia_bypass.patches.ray_errors import RecordedText
from chia_bypass.recording.records import ActorMethod, Blob, Left, Outcome, Result
from chia_bypass.recording.sketched import whole
from chia_bypass.replay_engine import class_table
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.class_table import loaded_modules, walk
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.matcher import Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.provider import Answer, Pending, serve_reference
from chia_bypass.values.class_lookup import ImportedClasses, Sketches, untrusted
from chia_bypass.values.decode import decode
from chia_bypass.values.kinds import Reference

_OF_RAY = "ray.exceptions:"
_OF_THE_LOOP = ("ray.exceptions:RayError", "ray.exceptions:TaskCancelledError")
"""What Ray hands out in place of an exception of the loop's that it cannot pickle, and of a call
that the function itself had cancelled."""


class Provision:
    """Makes the providers of one process."""

    def __init__(
        self,
        context: ReplayContext,
        index: Answers,
        producers: Producers,
        table: Callable[[], bytes],
    ) -> None:
        """``table`` gives the packed classes that travel by value."""
        self._source, self._policy = context.source, context.policy
        self._trusted, self._states = context.policy.trusted, context.config.states
        self._index, self._producers, self._table = index, producers, table

    def refused(self, result: Result) -> Missed | None:
        """Why the value may not be rebuilt; told here, since on the worker it is too late."""
        if absent := self._absent(result.classes):
            detail = f"module {', '.join(sorted(absent))}, which the loop has not loaded"
            return Missed(
                MissReason.NEEDS_IMPORT,
                result.call,
                tuple(sorted(absent)),
                detail=detail,
                pickled=bool(result.pickled) and not self._policy.allow_pickle,
            )
        if self._trusted is not None and (refused := self._untrusted(result)):
            return refused
        if result.pickled and not self._policy.allow_pickle:
            detail = "; ".join(result.pickled[:3])
            return Missed(MissReason.NEEDS_PICKLE, result.call, detail=detail)
        failed = result.outcome is Outcome.EXCEPTION
        of_ray = failed and result.type.startswith(_OF_RAY) and result.type not in _OF_THE_LOOP
        if of_ray and not self._policy.infrastructure:
            return Missed(MissReason.INFRASTRUCTURE, result.call, detail=result.shown)
        return None

    def _absent(self, classes: Collection[str]) -> set[str]:
        """Modules of ``classes`` that may not be imported."""
        if not classes:
            return set()
        loaded = loaded_modules(classes, self._policy.allow_import)
        return {name.partition(":")[0] for name in classes}.difference(loaded)

    def _untrusted(self, result: Result) -> Missed | None:
        """Of a foreign recording: a class that would run code of its own."""
        trusted = self._trusted or ()
        for name in result.classes:
            module, _, path = name.partition(":")
            cls = walk(sys.modules.get(module), path)
            if isinstance(cls, type) and (detail := untrusted(name, cls, trusted)):
                detail = f"class {name}: {detail}"
                return Missed(MissReason.NEEDS_IMPORT, result.call, (module,), detail=detail)
        return None

    def provider(self, result: Result) -> Answer | Pending:
        """What serves ``result``. Raises RecordingCorrupt."""
        if result.outcome is Outcome.CANCELLED and result.yielded < 0:
            return Pending(RecordedText.of(result))
        return self.serve(result, files=self._policy.puts_back)

    def serve(self, result: Result, *, files: bool = False) -> Answer:
        """What serves ``result``, which has a value. Raises RecordingCorrupt.

        ``files``: it puts back those that the call had left.
        """
        classes = result.classes
        return Answer(
            function=result.call.function,
            recorded=result.call.path,
            outcome=result.outcome,
            document=self._index.document(result.call.path),
            source=self._source,
            modules=loaded_modules(classes, self._policy.allow_import) if classes else (),
            table=self._table() if classes else b"",
            references=self._references(result),
            allow_pickle=self._policy.allow_pickle,
            seconds=result.seconds * self._policy.latency,
            text=RecordedText.of(result),
            yielded=result.yielded,
            files=tuple(filter(self._comes_back, self._index.left(result.call.path)))
            if files
            else (),
            trusted=self._trusted,
            say=self._policy.say,
        )

    def restores(self, left: Left) -> bool:
        """Whether it is the source tree of a state, and the YAML says that it is put back."""
        state = self._states.get(left.state)
        return state is not None and state.restore

    def _comes_back(self, one: LeftBy) -> bool:
        return not one.left.state or self.restores(one.left)

    def arguments(self, method: ActorMethod) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Those of a method that a recorded call called of an actor. Raises ChiaBypassError."""
        if absent := self._absent(method.classes):
            needed = f"needs module {', '.join(sorted(absent))}, which the loop has not loaded"
            raise UsageError(needed, "Allow it with --allow-import")
        buffers = {sha256(data).digest(): memoryview(data) for data in method.buffers}
        modules = loaded_modules(method.classes, self._policy.allow_import)
        table = class_table.unpack(self._table())
        args, kwargs = cast(
            "tuple[tuple[Any, ...], Mapping[str, Any]]",
            decode(
                method.arguments,
                classes=ImportedClasses(modules, table, self._trusted),
                buffer=lambda digest, length: buffers[digest],
                reference=lambda reference: reference,
                allow_pickle=self._policy.allow_pickle,
            ),
        )
        return args, kwargs

    def _references(self, result: Result) -> Mapping[Reference, Any]:
        """References to tasks that serve what the references inside a result stood for.

        They are ours, the caller's, because an object lives no longer than its owner, and they
        ask for no resources, because whoever waits for them may hold them all.
        """
        return {reference: self._stand_in(reference) for reference in result.references}

    def _stand_in(self, reference: Reference) -> Any:
        result = self._index.answer(reference.call)
        if result is None:
            raise ChiaBypassError(f"the recording holds no result of {reference.call}")
        task = ray.remote(serve_reference).options(num_cpus=0, name=f"BYPASS_{result.call.path}")
        returned = task.remote(self.serve(result))
        self._producers.learn_object(returned.binary(), reference)
        return returned

    def sketched(self, result: Result) -> object:
        """The value with nothing imported. Raises RecordingCorrupt and ValueProblem."""
        document = self._index.document(result.call.path)
        if isinstance(document, Blob):
            document = bytes(self._source.read(document))
        return whole(result, document, self._sketch)

    def _sketch(self, document: bytes) -> object:
        return decode(
            document,
            classes=Sketches(),
            buffer=lambda digest, length: self._source.read(Blob(digest, length)),
            reference=lambda reference: reference,
        )
