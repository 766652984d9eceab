"""`python -m benchmarks.quota`."""

from benchmarks.quota.command import main

if __name__ == "__main__":
    main()
