"""The page in a browser: sort, filter, overlay, slider, keyboard, narrow and dark, no error.

Runs where selenium, chromium and chromedriver are installed.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from launch.record.storage import write_json
from launch.show.report import report
from tests.show.report.runs import make, sweep

webdriver: Any = pytest.importorskip("selenium.webdriver")
keys: Any = pytest.importorskip("selenium.webdriver.common.keys").Keys
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium, chromedriver")


class Browser:
    """The few things that the tests do with a page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, root: Path, width: int = 1280, scheme: str = "light") -> None:
        path = root / "report.html"
        report.main(str(root), str(path))
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(path.as_uri())

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        return [e.text for e in self.driver.find_elements("css selector", selector)]

    def js(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def focused(self) -> str:
        return self.js("document.activeElement.dataset.key")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: Any) -> Iterator[Browser]:
    driver.get_log("browser")
    yield Browser(driver)
    assert driver.get_log("browser") == []  # whatever a test does, nothing is logged


def test_the_best_is_told_with_its_interval_and_leads_the_table(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(sweep(tmp_path))
    verdict = browser.one(".verdict").text
    assert "psnr_y (higher is better): lr=0.01 (2 seeds) 27.2 ± 2.5" in verdict
    assert "no difference beyond the 95 % interval" in verdict  # 1.1 ± 1.3
    assert "+0.7 against psnr_y_bicubic 26.5, better" in verdict
    assert "★" in browser.texts("#table tbody tr")[0]


def test_a_heading_sorts_by_keyboard_and_keeps_the_focus(browser: Browser, tmp_path: Path) -> None:
    browser.open(sweep(tmp_path))
    key = "sort metric psnr_y"
    for order in ("ascending", "descending"):
        browser.one(f'[data-key="{key}"]').send_keys(keys.ENTER)
        assert browser.one(f"th[aria-sort={order}]").text.startswith("psnr_y ↑")
        assert browser.focused() == key
    assert browser.texts("td.name")[0].startswith("▸ lr=0.01")


def test_words_filter_and_seeds_unfold(browser: Browser, tmp_path: Path) -> None:
    make(sweep(tmp_path) / "broken", status="failed", error="no data", metrics={})
    browser.open(tmp_path)
    browser.one('[data-key="filter"]').send_keys("failed")
    assert browser.one('[data-key="filter"]').get_property("value") == "failed"
    assert len(browser.texts("#table tbody tr")) == 1
    browser.one('[data-key="filter"]').send_keys(keys.BACKSPACE * 6)
    assert len(browser.texts("#table tbody tr")) == 3
    browser.one('[data-key^="open "]').send_keys(keys.ENTER)
    assert len(browser.texts("#table tbody tr")) == 5


def test_chosen_runs_are_overlaid_with_the_events_of_their_schedules(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(sweep(tmp_path))
    browser.one('[data-key="none"]').click()
    assert browser.texts("#curves") == ["Choose runs in the table."]
    browser.one('[data-key^="choose "]').send_keys(keys.SPACE)
    assert len(browser.texts("#curves > .legend span.swatch")) == 2
    assert browser.texts(".events li") == ["1 20: losses.gan 0 → 1"]
    axes = browser.js("[...CHARTS.values()].map((c) => [c.scales.x.min, c.scales.x.max])")
    assert axes == [[0, 60]] * 3  # psnr_y, loss/total and the schedule share their axis
    browser.one('[data-key="smoothing"]').send_keys(keys.ARROW_RIGHT * 5)
    browser.one('[data-key="logarithmic"]').send_keys(keys.SPACE)
    assert browser.js("CHARTS.get('psnr_y').scales.y.distr") == 3
    browser.one(".panel [role=img]").send_keys(keys.ARROW_RIGHT, keys.ARROW_RIGHT)
    assert browser.texts(".panel .readout")[0].startswith("20: ■ 25.5")


def test_a_slider_moves_all_pictures(browser: Browser, tmp_path: Path) -> None:
    browser.open(sweep(tmp_path))
    assert all(text.endswith("at 60") for text in browser.texts("figcaption"))
    before = browser.one("figure img").get_attribute("src")
    browser.one('[data-key="slider"]').send_keys(keys.ARROW_LEFT)
    assert all(text.endswith("at 30") for text in browser.texts("figcaption"))
    assert browser.one("figure img").get_attribute("src") != before
    assert browser.focused() == "slider"


def test_two_runs_are_compared_and_one_is_shown_in_full(browser: Browser, tmp_path: Path) -> None:
    browser.open(sweep(tmp_path))
    assert "module.optimizer.lr" in browser.one("#difference").text
    assert len(browser.texts("#sweep path.run")) == 4
    browser.one(".legend button").send_keys(keys.ENTER)
    assert "python -m launch +experiment=sr/static" in browser.one("dialog pre").text
    browser.driver.switch_to.active_element.send_keys(keys.ESCAPE)
    assert not browser.one("dialog").is_displayed()


def test_a_search_shows_what_it_has_found(browser: Browser, tmp_path: Path) -> None:
    sweep(tmp_path)
    (tmp_path / "search.md").write_text("# Search tpe\n\n4 of 30 trials: 4 completed\n")
    Image.new("RGB", (1200, 400)).save(tmp_path / "search.png")
    browser.open(tmp_path)
    assert "4 of 30 trials" in browser.one("#sweep pre").text
    assert browser.js("document.querySelector('#sweep img').naturalWidth") == 960
    assert browser.one("#sweep svg").is_displayed()


def test_a_ladder_has_its_gates_and_its_lineage(browser: Browser, tmp_path: Path) -> None:
    first = make(tmp_path / "a")
    rule = {"type": "ratio", "job": "", "passed": False, "sentence": "loss rose", "action": "warn"}
    make(
        tmp_path / "b",
        parents=[{"folder": str(first)}],
        gate={"passed": False, "rules": [rule]},
        started="2026-01-01T10:05:00+00:00",
        ended="2026-01-01T10:20:00+00:00",
    )
    write_json(tmp_path / "ladder.json", {"name": "two", "status": "completed"})
    browser.open(tmp_path)
    assert "two (completed), 20 min" in browser.one("#ladder").text
    assert "✖ closed b, ratio: loss rose; warn" in browser.one("#ladder").text
    assert browser.texts("#lineage li li") == ["b psnr_y 27"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_its_window_in_both_schemes(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    browser.open(sweep(tmp_path), width, scheme)
    assert browser.js("document.documentElement.scrollWidth") <= width
    light = browser.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")


def test_bad_folders_are_notes_beside_the_good(browser: Browser, tmp_path: Path) -> None:
    make(tmp_path / "good")
    make(
        tmp_path / "strange",
        lr=0.5,
        error="<img src=x onerror=alert(1)>",
        status="failed",
        metrics=None,
    )
    (tmp_path / "good" / "images" / "iteration_00000060.png").write_bytes(b"")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text('{"status"')
    browser.open(tmp_path)
    assert len(browser.texts("#notes .note")) == 2
    assert len(browser.texts("#table tbody tr")) == 2
    assert browser.texts("figcaption")[0].endswith("at 30")


def test_three_hundred_runs_have_their_rows(browser: Browser, tmp_path: Path) -> None:
    for number in range(300):
        make(tmp_path / str(number), lr=1e-4 * (1 + number), pictures=())
    browser.open(tmp_path)
    assert len(browser.texts("#table tbody tr")) == 300
