"""Texts and names of the gallery; all ours, many awkward on purpose."""

LONG_NAME = "Supplementary agreement on the use of the inner courtyard, signed by all parties (final, 2)"
UNBROKEN_NAME = (
    "Donaudampfschifffahrtsgesellschaftskapitaenswitwenrentenbescheid_2026-01-31_final_v2_signed.pdf"
)
FOREIGN_NAMES = (
    "عقد إيجار المكتب في الطابق الثاني.pdf",
    "חוזה שכירות — נספח ב׳.pdf",
    "事務所の賃貸借契約書（二〇二六年改定版）.pdf",
    "Договор аренды офиса.pdf",
)

ARABIC_PAGE = "يجوز لأي من الطرفين إنهاء العقد بإشعار خطي مدته 120 يوما. تسلم المفاتيح في اليوم الأخير."
JAPANESE_PAGE = "いずれの当事者も、百二十日前までに書面で通知することにより、本契約を解約することができる。"

CLAUSES = (
    "Either party may terminate this lease with 120 days written notice, given by registered letter.",
    "The rent is 1,850 euros a month and is due on the third working day. It rises by 2 per cent a year.",
    "Repairs above 500 euros are borne by the landlord; smaller ones by the tenant.",
    "The rooms may be used as an office. Any other use needs the landlord's consent in writing.",
    "The tenant shall return all keys on the last day and leave the rooms swept.",
)


MINUTES = (
    "Minutes of the meeting of 12 March",
    "",
    "Present: the landlord, the tenant, a notary.",
    "The parties agree that the lease ends on 30 June and that the keys are handed over on that day at noon.",
    "\tThe notary reads the agreement aloud.",
    f"Reference: {'0123456789' * 14}",
    "Signed by all.",
)


def clause_pages(count: int) -> list[str]:
    """Pages of a few sentences, no two alike."""
    return [
        f"Clause {number}\n\n" + " ".join(CLAUSES[(number + step) % len(CLAUSES)] for step in range(4))
        for number in range(1, count + 1)
    ]


CODE_AND_TABLE = '''The rent rises by 2 per cent a year [[1:3]]. As a table:

| Year | Monthly rent | Due on | Heating |
| --- | ---: | :---: | --- |
| 2024 | 1,850.00 € | third working day | apart |
| 2025 | 1,887.00 € | third working day | apart |
| 2026 | 1,924.74 € | third working day | apart, by meter, read once a year on a day in January that both parties agree on |

The same as a program:

```python
def monthly_rent(year: int, begins: int = 2024, rent: float = 1850.0, rise: float = 0.02) -> float:
    """Rent of a year, compounded yearly from the first."""
    return round(rent * (1 + rise) ** (year - begins), 2)  # rounded to the cent, as the lease says in its third clause
```

1. The rent is due on the third working day [[1:3]].
2. Heating is paid apart [[1:3]]:
   - by meter,
   - once a year.

> Notice is given by registered letter.

### What is not said

Neither document says who reads the meter. See [the guide](https://example.com/guide) for how others do it, or
`https://example.com/a/very/long/address/that/does/not/break/anywhere/because/it/has/no/spaces/in/it/at/all`.
'''

VERDICT_TEXT = (
    "The lease can be ended with 120 days' notice [[1:2]]. The rent is due on the third working day [[1:3]]. "
    "It was signed in spring [[2:1]]. The deposit is three months' rent [[2:2]]. "
    "The courtyard may be used by all [[2:3]]. The cellar is let apart [[2:4]]. Page nine says more [[1:9]]."
)
