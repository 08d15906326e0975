"""TLS between the daemon and the CSMS of a run: `Rig(folder, **secured(folder))`."""

import ssl
from pathlib import Path
from typing import Any

from tests.csms.certificates import Authority


def secured(folder: Path) -> dict[str, Any]:
    """Return what makes a rig speak wss, security profile 2, by a root made for this run."""
    authority = Authority(folder / "authority")
    issued = authority.issue("127.0.0.1", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    return {"tls": context, "more_config": f"tls: {{ca_file: {authority.root}}}"}
