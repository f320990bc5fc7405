"""One ChiaFunction with one set of Ray options: where its calls are decided and dispatched."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Generic, ParamSpec, TypeVar, cast

from ray import ObjectRef

from chia_bypass import engine
from chia_bypass.bypass.providers import fitted, located
from chia_bypass.bypass.runtime import Bypass, get_active_bypass
from chia_bypass.engine import Dispatch, Plan, Provider
from chia_bypass.function.envelope import (
    ENVELOPE,
    KEYWORDS,
    RENAMED,
    BypassedCall,
    Envelope,
    RealCall,
    Reserved,
    not_picklable,
    seal,
)
from chia_bypass.function.exports import Exports
from chia_bypass.function.getting import get
from chia_bypass.function.signatures import Call
from chia_bypass.replay_engine import own_bypass

P = ParamSpec("P")
R = TypeVar("R")

_NOT_PLAIN = KEYWORDS | {"self"}
"""Keywords with which a call cannot be handed to Ray as it is."""


class RemoteHandle(Generic[P, R]):
    """Dispatches one ChiaFunction: what ``.options(...)`` returns."""

    def __init__(self, exports: Exports, overrides: Mapping[str, Any]) -> None:
        self._exports, self._overrides = exports, overrides
        self._options = {**exports.options, **overrides}
        self._streams = exports.streams(self._options)
        if self._streams and self._options.get("num_returns") is None:
            self._options["num_returns"] = "streaming"  # as Ray has it for a generator function

    def __getstate__(self) -> dict[str, Any]:
        keep = ("_exports", "_overrides", "_options", "_streams")
        return {name: self.__dict__[name] for name in keep}

    @property
    def chia_remote(self) -> Call[P, ObjectRef[R]]:
        """Dispatch to a Ray worker; returns what Ray returns, bypassed or not.

        Keywords of ours: ``_chia_tag`` names the call; ``_chia_setup`` and ``_chia_cleanup``, with
        ``_chia_setup_args`` and ``_chia_cleanup_args``, run on the worker around the real
        function; ``_chia_display_name`` is accepted for CHIA's sake.
        """
        return cast("Call[P, ObjectRef[R]]", self._submit)

    @property
    def remote(self) -> Call[P, ObjectRef[R]]:
        """The same as :attr:`chia_remote`, under Ray's name."""
        return self.chia_remote

    @property
    def chia_remote_blocking(self) -> Call[P, R]:
        """Dispatch, wait, and return the value. Has the function's own signature."""

        @functools.wraps(self._exports.function)
        def blocking(*args: Any, **kwargs: Any) -> Any:
            return get(self._submit(*args, **kwargs))

        return cast("Call[P, R]", blocking)

    @functools.cached_property
    def real(self) -> Any:
        """What has ``remote`` for real calls. Raises ValueError for options that Ray refuses."""
        remote = self._exports.real(self._streams)
        return remote.options(**self._overrides) if self._overrides else remote

    @functools.cached_property
    def _bypassed(self) -> Any:
        """What has ``remote`` for calls that the loop's own Bypass serves."""
        remote, name = self._exports.bypassed(self._streams), self._exports.bypassed_name
        return remote.options(**{**self._overrides, "name": name}) if self._overrides else remote

    @functools.cached_property
    def _replayed(self) -> Any:
        """What has ``remote`` for calls that an engine serves: errors of Ray's tell the loop the
        names of tasks, which are therefore those of the real ones.
        """
        remote = self._exports.bypassed(self._streams)
        name = self._options.get("name") or self._exports.name
        return remote.options(**{**self._overrides, "name": name})

    def _submit(self, /, *args: Any, **kwargs: Any) -> Any:
        bypass = get_active_bypass()
        if bypass is not None and not bypass.active:
            bypass = None
        if bypass is None and engine.current() is None and _NOT_PLAIN.isdisjoint(kwargs):
            return self.real.remote(*args, **kwargs)
        reserved = Reserved.taken_from(kwargs)
        dispatch = Dispatch(self._exports.function, reserved.tag, args, kwargs, self._options)
        return self._decide(bypass, reserved, dispatch)

    def _decide(self, bypass: Bypass | None, reserved: Reserved, dispatch: Dispatch) -> Any:
        """The loop's own Bypass comes first, then the engine, then the real function."""
        running, function = engine.current(), dispatch.function
        own = False
        if bypass is not None and bypass.is_bypassed(
            function, dispatch.tag, *dispatch.args, **dispatch.kwargs
        ):
            if running is not None:
                running.bypassed(dispatch)
            if bypass.recording_of(function) is None:
                provider, data = bypass.get_provider_info(function)
                return self._serve(
                    self._bypassed, bypass, located(provider, dispatch), data, dispatch
                )
            plan, own = own_bypass.engine_of(bypass).plan(dispatch), True
        elif running is not None:
            plan = running.plan(dispatch)
        elif bypass is not None and bypass.recordings:
            plan = own_bypass.engine_of(bypass).plan_real(dispatch)
        else:
            plan = Plan()
        if plan.provider is not None:
            remote = self._bypassed if own else self._replayed
            refs = self._serve(remote, bypass, plan.provider, plan.data, dispatch, plain=plan.plain)
        else:
            state = None if bypass is None else bypass.get_state()
            envelope = RealCall(state, reserved.hooks, plan.token)
            sealed = seal(envelope, plain=plan.plain)
            refs = self._send(self.real, sealed, dispatch.args, dispatch.kwargs)
        plan.dispatched(refs)
        return refs

    def _serve(
        self,
        remote: Any,
        bypass: Bypass | None,
        provider: Provider,
        data: str | None,
        dispatch: Dispatch,
        *,
        plain: bool = False,
    ) -> Any:
        state = None if bypass is None else bypass.get_state()
        envelope = BypassedCall(state, provider, dispatch.tag, data)
        args, kwargs = fitted(provider, dispatch.function, dispatch.args, dispatch.kwargs)
        return self._send(remote, seal(envelope, plain=plain), args, kwargs)

    def _send(
        self,
        remote: Any,
        sealed: Envelope | bytes,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        if "self" in kwargs:
            kwargs = {RENAMED if key == "self" else key: kwargs[key] for key in kwargs}
        try:
            return remote.remote(*args, **kwargs, **{ENVELOPE: sealed})
        except Exception as error:  # Ray lets out whatever a pickle raised
            culprit = not_picklable(self._exports.name, sealed)
            if culprit is None:
                raise
            raise culprit from error
