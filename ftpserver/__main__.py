"""`python -m ftpserver`: the same program as the `ftpserver` command."""

from ftpserver.cli import main

if __name__ == "__main__":
    main()
