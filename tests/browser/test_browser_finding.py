"""Where programs are looked for, without starting any."""

from pathlib import Path

import pytest

from actors.errors import ProcessError
from wahook.browser.finding import BrowserKind, find_browser, find_chromedriver, kind_of, unwrapped


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def nothing(_: str) -> None:
    return None


def test_a_headless_shell_in_a_known_folder_is_preferred_to_a_full_chromium_on_the_path(tmp_path: Path):
    full, shell = program(tmp_path / "a", "chromium"), program(tmp_path / "b", "chromium-headless-shell")
    which = {"chromium": str(full)}.get
    found = find_browser(which=which, folders=[tmp_path / "b"], nix_store=tmp_path / "nix")
    assert (found.path, found.kind) == (shell, BrowserKind.HEADLESS_SHELL)


def test_the_path_comes_before_known_folders(tmp_path: Path):
    here, known = program(tmp_path / "a", "chromium"), program(tmp_path / "b", "chromium")
    which = {"chromium": str(here)}.get
    assert find_browser(which=which, folders=[known.parent], nix_store=tmp_path).path == here
    assert find_browser(which=nothing, folders=[known.parent], nix_store=tmp_path).path == known


def test_a_pattern_that_nothing_is_like_came_from_another_machine_and_the_search_goes_on(tmp_path: Path):
    known = program(tmp_path / "bin", "chromium")
    pattern = tmp_path / "store/*/bin/chromium"
    assert find_browser(pattern, which=nothing, folders=[known.parent], nix_store=tmp_path).path == known
    there = program(tmp_path / "store/abc-chromium/bin", "chromium")
    assert find_browser(pattern, which=nothing, folders=[known.parent], nix_store=tmp_path).path == there


def test_the_nix_store_is_searched_last(tmp_path: Path):
    path = program(tmp_path / "hash-chromium-150" / "bin", "chromium")
    assert find_browser(which=nothing, folders=[], nix_store=tmp_path).path == path


def test_a_configured_path_wins_and_may_hold_a_star(tmp_path: Path):
    path = program(tmp_path / "hash-chromium-150" / "bin", "chromium")
    assert find_browser(path).path == path
    assert find_browser(tmp_path / "*" / "bin" / "chromium").path == path


def test_a_configured_path_that_names_no_program_is_an_error_with_the_variables_name(tmp_path: Path):
    with pytest.raises(ProcessError, match="CHROMIUM_PATH"):
        find_browser(tmp_path / "none")
    with pytest.raises(ProcessError, match="CHROMEDRIVER_PATH"):
        find_chromedriver(tmp_path)


def test_nothing_found_says_what_to_do(tmp_path: Path):
    with pytest.raises(ProcessError, match="install chromium-headless-shell"):
        find_browser(which=nothing, folders=[tmp_path], nix_store=tmp_path / "none")
    with pytest.raises(ProcessError, match="install chromium-driver"):
        find_chromedriver(which=nothing, folders=[tmp_path], nix_store=tmp_path / "none")


def test_a_file_that_may_not_be_run_is_no_program(tmp_path: Path):
    program(tmp_path, "chromium").chmod(0o644)
    with pytest.raises(ProcessError):
        find_browser(which=nothing, folders=[tmp_path], nix_store=tmp_path / "none")


def test_the_kind_is_told_by_name_through_links(tmp_path: Path):
    link = tmp_path / "browser"
    link.symlink_to(program(tmp_path, "chrome-headless-shell"))
    assert kind_of(link) is BrowserKind.HEADLESS_SHELL
    assert kind_of(program(tmp_path, "chromium")) is BrowserKind.CHROMIUM


def test_a_shell_that_would_stand_between_us_and_the_browser_is_passed_by(tmp_path: Path):
    real = program(tmp_path / "lib", "chromium-headless-shell")
    wrapper = program(tmp_path / "bin", "chromium-headless-shell")
    wrapper.write_text(f'#!/bin/sh -e\n# a comment\n{real} "$@"\n')
    found = find_browser(which=nothing, folders=[wrapper.parent], nix_store=tmp_path / "none")
    assert (found.path, found.kind) == (real, BrowserKind.HEADLESS_SHELL)


@pytest.mark.parametrize("script", ['exec {} "$@"', '{} --flag "$@"', 'X=1\n{} "$@"', '{}.gone "$@"', ""])
def test_any_other_script_is_left_to_do_its_work(tmp_path: Path, script: str):
    wrapper = program(tmp_path / "bin", "chromium")
    wrapper.write_text("#!/bin/sh\n" + script.format(program(tmp_path / "lib", "chromium")))
    assert unwrapped(wrapper) == wrapper


def test_a_wanted_kind_is_looked_for_and_no_other_is_taken(tmp_path: Path):
    shell, full = (program(tmp_path, name) for name in ("chromium-headless-shell", "chromium"))

    def found(kind: BrowserKind) -> tuple[Path, BrowserKind]:
        finding = find_browser(kind=kind, which=nothing, folders=[tmp_path], nix_store=tmp_path / "none")
        return finding.path, finding.kind

    assert [found(kind) for kind in BrowserKind] == [
        (shell, BrowserKind.HEADLESS_SHELL),
        (full, BrowserKind.CHROMIUM),
        (full, BrowserKind.UNDETECTED),
    ]
    shell.unlink()
    with pytest.raises(ProcessError, match="install chromium-headless-shell"):
        found(BrowserKind.HEADLESS_SHELL)
    full.unlink()
    with pytest.raises(ProcessError, match="install chromium or"):
        found(BrowserKind.UNDETECTED)


def test_a_configured_program_of_any_name_is_believed_to_be_of_the_wanted_kind(tmp_path: Path):
    assert (
        find_browser(program(tmp_path, "my-browser"), BrowserKind.HEADLESS_SHELL).kind
        == "chromium-headless-shell"
    )
    shell = program(tmp_path, "chromium-headless-shell")
    with pytest.raises(ProcessError, match="BROWSER_KIND=undetected-chromedriver needs a full Chromium"):
        find_browser(shell, BrowserKind.UNDETECTED)
