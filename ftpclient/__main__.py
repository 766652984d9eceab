"""`python -m ftpclient` is the command `ftpclient`."""

from ftpclient.cli import main

if __name__ == "__main__":
    main()
