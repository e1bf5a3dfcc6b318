"""Print the day on which a notice takes effect."""

import sys
from datetime import date

from notice_dates.notice import takes_effect_on


def main() -> None:
    received_on = date.fromisoformat(sys.argv[1])
    print(takes_effect_on(received_on))


if __name__ == "__main__":
    main()
