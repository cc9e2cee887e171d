"""The one entry of the experiments: it knows each of them, and says in one line what is missing."""

from importlib import import_module
from pathlib import Path

import pytest

import measure

SHARED = {"loop", "table", "clock"}


def test_each_experiment_is_known_and_none_starts_on_its_own():
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in Path(measure.__file__).parent.glob("*/*.py")}
    scripts = {name: text for name, text in scripts.items() if "experiments.table import" in text}
    assert set(measure.EXPERIMENTS) == set(scripts) - SHARED
    for name in measure.EXPERIMENTS:
        assert "__main__" not in scripts[name] and "sys.path" not in scripts[name]
        assert f"python src/measure.py {name}" in measure.protocol(name)


def test_help_names_each_with_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        measure.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    for name in measure.EXPERIMENTS:
        assert f"{name} {measure.protocol(name).splitlines()[0]}" in text


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        measure.main(["nothing"])
    assert end.value.code == 2 and "depthwise" in capsys.readouterr().err


def forbid_tables(script, monkeypatch):
    for fill in ("fill", "fill_at_once"):
        monkeypatch.setattr(script, fill, lambda *_: pytest.fail("a trial fills no table"), raising=False)


@pytest.mark.parametrize("name", ["depthwise", "scaling", "finetuning"])
def test_a_quick_trial_is_short_and_fills_no_table(name, monkeypatch, capsys):
    script, epochs = import_module(f"experiments.{name}"), []
    monkeypatch.setattr(script, "run", lambda *_, **options: epochs.append(options["epochs"]) or dict(top1=50))
    forbid_tables(script, monkeypatch)
    assert measure.main([name, "--quick"]) == 0
    assert len(epochs) >= 2 and max(epochs) <= 4 and capsys.readouterr().out.count("'top1': 50") == len(epochs)


@pytest.mark.parametrize("name, trial", [("clocks", "measure"), ("export", "measure"), ("growth", "run")])
def test_a_trial_without_training_fills_no_table_either(name, trial, monkeypatch):
    script, calls = import_module(f"experiments.{name}"), []
    monkeypatch.setattr(script, trial, lambda *_: calls.append(name) or {})
    monkeypatch.setattr(script, "layer_points", lambda *_: [], raising=False)
    forbid_tables(script, monkeypatch)
    if name == "export":
        monkeypatch.setattr(script.export, "missing", lambda ending: None)
    assert measure.main([name, "--quick"]) == 0 and set(calls) == {name}


@pytest.mark.parametrize("name", ["depthwise", "gates"])
def test_in_earnest_it_fills_the_table_of_its_name(name, monkeypatch):
    script, filled = import_module(f"experiments.{name}"), {}
    monkeypatch.setattr(script, "fill", lambda table, keys, run: filled.update({table: keys}))
    monkeypatch.setattr(script, "fill_at_once", lambda *_: None, raising=False)
    monkeypatch.setattr(script, "cifar10", lambda full: None, raising=False)
    assert measure.main([name]) == 0
    assert filled[name] == script.keys()


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("clocks", {"latency", "latency_blocks", "clocks"}),
        ("export", {"export"}),
        ("gates", {"gates_by_block"}),
        ("speed", {"speed"}),
    ],
)
def test_what_is_timed_in_turns_is_written_at_once(name, tables, monkeypatch, tmp_path):
    script, written = import_module(f"experiments.{name}"), set()
    monkeypatch.setattr(script, "measure", lambda *_: dict.fromkeys(tables), raising=False)
    monkeypatch.setattr(script, "layer_points", lambda *_: [], raising=False)
    monkeypatch.setattr(script, "MEASURED", tmp_path, raising=False)
    monkeypatch.setattr(script, "fill_at_once", lambda table, measure: written.add(table))
    monkeypatch.setattr(script, "fill", lambda *_: None, raising=False)
    if name == "export":
        monkeypatch.setattr(script.export, "missing", lambda ending: None)
    assert measure.main([name]) == 0 and written == tables


def test_three_tables_of_one_run_are_renewed_together(monkeypatch, tmp_path, capsys):
    script = import_module("experiments.clocks")
    monkeypatch.setattr(script, "MEASURED", tmp_path)
    monkeypatch.setattr(script, "measure", lambda *_: pytest.fail("nothing is measured"))
    (tmp_path / "clocks.csv").touch()
    assert measure.main(["clocks"]) == 2
    assert "found clocks; to measure anew, delete latency, latency_blocks, clocks." in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, status, words",
    [
        (FileNotFoundError("lite1 is missing: python tools/convert_lite.py lite1"), 2, "convert_lite.py lite1"),
        (KeyboardInterrupt(), 130, "the same command goes on"),
    ],
)
def test_what_is_missing_is_said_in_one_line(error, status, words, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(import_module("experiments.gates"), "fill_at_once", fail)
    assert measure.main(["gates"]) == status
    line = capsys.readouterr().err.strip()
    assert words in line and "\n" not in line
