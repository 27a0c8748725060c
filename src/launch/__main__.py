"""`python -m launch`; see `launch.front.command_line`."""

from launch.front.command_line import main

if __name__ == "__main__":
    main()
