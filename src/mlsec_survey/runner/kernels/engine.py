"""The papermill engine whose kernels are forked from a process that has libraries loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from mlsec_survey.runner.kernels.manager import ForkedKernelManager, LocalKernelManager


class ForkedKernelEngine(NBClientEngine):
    """Executes a notebook as papermill does, in a kernel that is forked where that is possible."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        fork: bool = True,
        env: Mapping[str, str] | None = None,
        kernel_cwd: Path | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute the notebook.

        Args:
            nb_man: what papermill keeps the state of an execution in.
            kernel_name: name of the kernel's specification.
            log_output: as for papermill's own engine, like the next four.
            stdout_file: see `log_output`.
            stderr_file: see `log_output`.
            start_timeout: seconds.
            execution_timeout: seconds per cell; default no limit.
            fork: False for an ordinary kernel.
            env: environment of the kernel; default this process's.
            kernel_cwd: folder that the kernel works in; default this process's.
            kwargs: further options of nbclient's `NotebookClient`.
        """
        kwargs.pop("input_path", None)
        options: dict[str, Any] = {
            "kernel_manager_class": ForkedKernelManager if fork else LocalKernelManager,
            "shutdown_kernel": "immediate",
            "timeout": execution_timeout,
            "startup_timeout": start_timeout,
            "kernel_name": kernel_name,
            "log_output": log_output,
            "stdout_file": stdout_file,
            "stderr_file": stderr_file,
        }
        launch: dict[str, Any] = {} if env is None else {"env": dict(env)}
        if kernel_cwd is not None:
            launch["cwd"] = str(kernel_cwd)
        return PapermillNotebookClient(nb_man, **(options | kwargs)).execute(**launch)
