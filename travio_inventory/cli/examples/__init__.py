"""Example trips in the package: a coach, a launch, a train."""

from importlib.resources import files


def names() -> list[str]:
    """The names of the examples, in alphabetical order."""
    suffix = ".toml"
    return sorted(file.name.removesuffix(suffix) for file in files(__name__).iterdir() if file.name.endswith(suffix))


def text(name: str) -> str:
    """The trip file with that name. Raises KeyError if there is none."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def about(name: str) -> str:
    """A description in one sentence: the first line of the file."""
    return text(name).splitlines()[0].removeprefix("# ")
