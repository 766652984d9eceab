"""`python -m benchmarks.sweep`."""

from benchmarks.sweep.command import main

if __name__ == "__main__":
    main()
