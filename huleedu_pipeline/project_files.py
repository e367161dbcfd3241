"""Files that ship with the project and are not Python: in a clone they lie at its top level, in a wheel inside the package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def project_file(name: str) -> Path:
    """Return the path of a shipped file or folder, for example ``examples`` or ``workspace.yaml``.

    Raises:
        FileNotFoundError: this installation lacks it.

    """
    for root in (_PACKAGE / "_project", _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name}: is not part of this installation (install the project again)")
