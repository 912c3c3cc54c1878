"""``sentiment serve``: the API and the demo page on a port of this machine."""

import argparse
import sys


def serve(args: argparse.Namespace) -> int:
    """Serve until the process is interrupted or terminated.

    Raises:
        BundleError: the model bundle is missing or damaged.
        SettingsError: a setting is invalid.
    """
    # Imported here, as the other commands need no server.
    import uvicorn

    from app.web import application

    host = f"[{args.host}]" if ":" in args.host else args.host
    address = f"http://{host}:{args.port}"
    sys.stderr.write(f"serving on {address}, docs on {address}/docs\n")
    # uvicorn configures logging before it calls the factory, which configures it finally.
    factory = application.from_environment
    uvicorn.run(factory, factory=True, host=args.host, port=args.port, access_log=False)
    return 0
