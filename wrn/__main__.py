"""`python -m wrn`."""

import sys

if __name__ == "__main__":
    try:
        from wrn.cli import main
    except ModuleNotFoundError as error:
        sys.exit(
            f"wrn: the package {error.name} must be installed, as requirements.txt "
            f"says. Received: {sys.executable}, which lacks it"
        )
    except KeyboardInterrupt:
        sys.exit("wrn: interrupted")
    sys.exit(main())
