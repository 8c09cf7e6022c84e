"""kill -9 of the service itself: nothing of its browsers survives, whatever they were doing."""

import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from wahook.processes import owner_of, sweep
from wahook.simulator import SimulatorThread

from .conftest import Phones

pytestmark = pytest.mark.browser

SERVICE = """
    import sys, time
    from pathlib import Path
    from wahook.loop import LoopThread
    from wahook.settings import Settings
    from wahook.whatsapp.factory import Browsers

    data, url = Path(sys.argv[1]), sys.argv[2]
    loop = LoopThread("browser")
    loop.start()
    browsers = Browsers.from_settings(Settings(data=data, whatsapp_url=url), loop)
    browsers.driver.start(print).result(15)
    client = browsers.client("user_1_wa_1", data / "profile")
    show = lambda event: print(type(event).__name__, getattr(event, "code", ""), flush=True)
    client.open(1, show).result(30)
    time.sleep(600)
"""


@pytest.mark.parametrize("hung", [False, True])
def test_nothing_survives_the_service(simulator: SimulatorThread, phones: Phones, tmp_path: Path, hung: bool):
    script = textwrap.dedent(SERVICE)
    service = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), simulator.url], stdout=subprocess.PIPE, text=True
    )
    assert service.stdout is not None
    number = f"4917300000{hung:02}"
    with service.stdout as output:
        try:
            code = next(line.split()[1] for line in output if line.startswith("QrShown"))
            if hung:
                phones.post(number, "scan", code=code)
                next(line for line in output if line.startswith("StateChanged"))
                phones.settle(number)
                phones.post(number, "faults", kind="hang", seconds=0)
            family = psutil.Process(service.pid).children(recursive=True)
            assert {"chromedriver"} < {process.name() for process in family}
        finally:
            service.kill()
            service.wait(10)
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert sweep(owner_of(tmp_path)) == []
