"""The text of office-lease.pdf: a commercial lease between two parties without names."""

TITLE = "Lease of office premises"

FRONT = """
<p class="kicker">Lease</p>
<h1>Office premises,<br/>second and third floor,<br/>Harbour House</h1>
<p class="lead">between the Landlord and the Tenant</p>
<h3>Particulars</h3>
<table class="grid">
<tr><th>Item</th><th>Agreed</th></tr>
<tr><td>Premises</td><td>Office space of 1,240 m² on the second and third floor, with 12 parking spaces</td></tr>
<tr><td>Permitted use</td><td>Offices, with meeting rooms and a staff kitchen</td></tr>
<tr><td>Commencement Date</td><td>1 April 2026</td></tr>
<tr><td>Term</td><td>Seven years, until 31 March 2033</td></tr>
<tr><td>Option</td><td>One extension of three years</td></tr>
<tr><td>Base Rent</td><td>EUR 24,800 a month, without value added tax</td></tr>
<tr><td>Deposit</td><td>EUR 74,400, three months of Base Rent</td></tr>
<tr><td>Notice for early termination</td><td>120 days, in writing</td></tr>
</table>
<p class="note">These particulars are part of the Lease. Where they and a clause disagree, the clause prevails.</p>
"""

CONTENTS = """
<h2>Contents</h2>
<table class="contents">
{rows}
</table>
"""

CLAUSES: list[tuple[str, str]] = [
    (
        "Definitions",
        """
<p>1.1 In this Lease, <b>Base Rent</b> means the monthly rent stated in the Particulars, as adjusted under clause 4.</p>
<p>1.2 <b>Building</b> means Harbour House, its common parts, roof, structure, lifts and technical installations, and the land on which it stands.</p>
<p>1.3 <b>Business Day</b> means any day other than a Saturday, a Sunday or a public holiday at the place of the Building.</p>
<p>1.4 <b>Commencement Date</b> means 1 April 2026. If the Premises are handed over later for reasons for which the Landlord is responsible, the Commencement Date moves to the day of the handover, and the Term moves with it.</p>
<p>1.5 <b>Premises</b> means the office space shown in Schedule 2, including its internal partitions, floor coverings, suspended ceilings and fitted kitchens, but not the structure of the Building or the pipes and cables that serve other parts of it.</p>
<p>1.6 <b>Service Charge</b> means the Tenant’s share of the costs set out in Schedule 1.</p>
<p>1.7 A reference to writing includes e-mail, except where this Lease asks for <b>written notice</b>. Written notice is given on paper, signed, and delivered by hand against receipt or by registered post.</p>
<p>1.8 Headings are for convenience only. Words in the singular include the plural. A period of days is counted in calendar days and begins on the day after the event that starts it.</p>
""",
    ),
    (
        "Premises and permitted use",
        """
<p>2.1 The Landlord lets the Premises to the Tenant, together with the right to use the common parts of the Building and the 12 parking spaces numbered 31 to 42.</p>
<p>2.2 The Tenant shall use the Premises as offices only. A change of use needs the Landlord’s prior consent in writing, which the Landlord may refuse only for a good reason.</p>
<p>2.3 The Landlord warrants that the Premises may lawfully be used as offices on the Commencement Date. Permits that depend on the Tenant’s own business are obtained by the Tenant and at the Tenant’s cost.</p>
<p>2.4 The Premises are accessible at all hours and on every day of the year. The reception on the ground floor is staffed on Business Days from 7.30 to 19.00.</p>
<p>2.5 The floor area in Schedule 2 was measured on the plans of the Building. Neither party may ask for a change of the Base Rent because a later measurement differs by not more than 2 per cent.</p>
<p>2.6 The Tenant shall not store goods that are explosive, easily inflammable or harmful to health, other than cleaning materials and office supplies in customary quantities.</p>
""",
    ),
    (
        "Term, extension and early termination",
        """
<p>3.1 The Term is seven years. It begins on the Commencement Date and ends without notice on 31 March 2033.</p>
<p>3.2 The Tenant may extend the Term once by three years, on the same conditions, by written notice that reaches the Landlord no later than twelve months before the end of the Term.</p>
<p>3.3 Either party may terminate this Lease early by giving the other party at least 120 days’ written notice, provided that the notice does not take effect before 31 March 2029. A termination takes effect on the last day of a calendar month.</p>
<p>3.4 If the Tenant terminates under clause 3.3, the Tenant shall pay the Landlord, on or before the day on which the termination takes effect, a compensation of four months of Base Rent. No compensation is due if the Landlord terminates.</p>
<p>3.5 The Landlord may terminate this Lease with immediate effect if the Tenant (a) owes more than two months of Base Rent or Service Charge and has not paid within 14 days of a written reminder, (b) uses the Premises in breach of clause 2 despite a written warning, or (c) becomes insolvent.</p>
<p>3.6 The Tenant may terminate this Lease with immediate effect if the Premises cannot be used for more than 60 consecutive days for a reason for which the Tenant is not responsible.</p>
<p>3.7 Use of the Premises after the end of the Term does not extend this Lease. For each day of such use the Tenant shall pay one thirtieth of 150 per cent of the last monthly Base Rent.</p>
""",
    ),
    (
        "Rent and indexation",
        """
<p>4.1 The Base Rent is EUR 24,800 a month. Value added tax is added at the rate in force. The Base Rent is payable in advance, no later than the third Business Day of each month.</p>
<p>4.2 No Base Rent is due for the first two months of the Term. The Service Charge is due from the Commencement Date.</p>
<p>4.3 The Base Rent changes on 1 April of each year, for the first time on 1 April 2027, in the proportion in which the national consumer price index for the preceding January differs from that of the January before. The change applies without notice, but the Landlord shall state the calculation in writing.</p>
<p>4.4 An increase under clause 4.3 shall not exceed 3.5 per cent in any one year. What exceeds this limit is not carried forward. The Base Rent shall never fall below EUR 24,800.</p>
<p>4.5 If the index is no longer published, the parties shall agree on the index that comes closest to it. Until they agree, the last change applies again.</p>
<p>4.6 Sums that are not paid when due bear interest of 0.75 per cent for each month or part of a month, from the due date until payment.</p>
<p>4.7 The Tenant may set off only claims that are undisputed or have been decided by a court. The Tenant’s right to reduce the Base Rent under clause 9.3 remains unaffected.</p>
""",
    ),
    (
        "Service charge",
        """
<p>5.1 The Tenant shall pay a Service Charge for the services listed in Schedule 1. The Tenant’s share is 18.4 per cent, which is the area of the Premises divided by the lettable area of the Building.</p>
<p>5.2 The Tenant shall pay a monthly advance of EUR 4,340 together with the Base Rent. The Landlord may adjust the advance once a year so that it matches the costs of the preceding year.</p>
<p>5.3 The Landlord shall send a statement of the actual costs within nine months of the end of each calendar year. A difference is settled within 30 days of the statement. Additional claims are excluded after that period of nine months, unless the Landlord is not responsible for the delay.</p>
<p>5.4 The Tenant may inspect the vouchers at the Landlord’s office within three months of receiving the statement.</p>
<p>5.5 The following are not part of the Service Charge: repairs of the roof and the structure, the cost of letting vacant space, the Landlord’s financing costs, and the removal of defects that existed on the Commencement Date.</p>
<p>5.6 Management fees shall not exceed 3 per cent of the yearly Base Rent.</p>
""",
    ),
    (
        "Deposit",
        """
<p>6.1 The Tenant shall provide a deposit of EUR 74,400 no later than 14 days before the Commencement Date, either by payment into an escrow account or by an unconditional bank guarantee.</p>
<p>6.2 The Landlord may draw on the deposit for claims under this Lease that are due and unpaid, after giving ten Business Days’ warning in writing. The Tenant shall restore the deposit within 20 Business Days.</p>
<p>6.3 The deposit does not grow with the Base Rent.</p>
<p>6.4 The Landlord shall return the deposit within 90 days of the end of the Lease. The Landlord may keep back a reasonable part, at most EUR 10,000, until the last statement of the Service Charge is settled.</p>
""",
    ),
    (
        "Condition, repairs and alterations",
        """
<p>7.1 The Landlord hands over the Premises in the condition recorded in a protocol that both parties sign. The Landlord shall remove the defects noted there within six weeks.</p>
<p>7.2 The Landlord is responsible for the structure, the roof, the façade including the windows, the lifts, and the central installations for heating, ventilation, water and electricity.</p>
<p>7.3 The Tenant is responsible for repairs inside the Premises that arise from ordinary use, up to EUR 500 for a single repair and up to EUR 6,000 in a calendar year. Above either limit the Landlord pays the excess.</p>
<p>7.4 The Tenant shall report damage without delay. The Landlord shall begin urgent repairs within 24 hours, and others within ten Business Days of the report.</p>
<p>7.5 Alterations need the Landlord’s consent in writing, except light partitions, cabling and decoration. At the end of the Lease the Tenant shall remove alterations if the Landlord said so when consenting.</p>
<p>7.6 The Tenant need not redecorate at the end of the Lease. The Premises are returned clean, empty and with all keys and access cards.</p>
""",
    ),
    (
        "Insurance and liability",
        """
<p>8.1 The Landlord shall insure the Building against fire, storm, water and natural hazards at its full rebuilding value, and keep liability insurance as owner. The premiums are part of the Service Charge.</p>
<p>8.2 The Tenant shall keep public liability insurance with cover of at least EUR 5,000,000 for each event, and insure its own fittings and contents. Proof is given before the Commencement Date and once a year on request.</p>
<p>8.3 Each party is liable without limit for intent and gross negligence and for harm to life, body and health. For slight negligence a party is liable only for breach of a duty that is essential to this Lease, and only for foreseeable loss.</p>
<p>8.4 The Landlord is not liable, regardless of fault, for defects that existed before this Lease was signed and of which the Landlord did not know.</p>
""",
    ),
    (
        "Interruption and reduction of rent",
        """
<p>9.1 The Landlord shall announce planned interruptions of heating, cooling, water, electricity, lifts or network access at least five Business Days ahead and place them outside business hours where possible.</p>
<p>9.2 Building works in the neighbourhood that the Landlord did not order are not a defect of the Premises.</p>
<p>9.3 If the Premises cannot be used as agreed for more than three consecutive Business Days, the Base Rent is reduced in proportion from the first day on.</p>
<p>9.4 If the Building is destroyed to such an extent that rebuilding would take more than nine months, either party may terminate this Lease within 30 days of learning so. Clause 3.4 does not apply.</p>
""",
    ),
    (
        "Assignment, subletting and change of owner",
        """
<p>10.1 The Tenant may sublet up to 30 per cent of the Premises after informing the Landlord in writing. Subletting more, or assigning this Lease, needs the Landlord’s prior consent in writing.</p>
<p>10.2 Consent is deemed given if the Landlord does not answer within 20 Business Days of a complete request that names the subtenant, the area and the use.</p>
<p>10.3 Letting space to companies of the Tenant’s own group is not subletting under this clause, as long as they belong to the group.</p>
<p>10.4 A sale of the Building does not end this Lease. The buyer takes the Landlord’s place; the seller remains liable for two years as a guarantor.</p>
""",
    ),
    (
        "Energy and environment",
        """
<p>11.1 The Landlord shall supply electricity from renewable sources for the common parts from 1 January 2027 on. The Tenant is free to choose its own supplier for the Premises.</p>
<p>11.2 The parties exchange yearly figures on the use of electricity, heat, water and the amount of waste, by the end of March for the preceding year. The figures are confidential.</p>
<p>11.3 The Landlord may install solar panels, meters and charging points during the Term. Works inside the Premises are agreed four weeks ahead.</p>
""",
    ),
    (
        "Access, data and confidentiality",
        """
<p>12.1 The Landlord may enter the Premises on Business Days after announcing it 48 hours ahead, and at any time in an emergency. In the last twelve months of the Term the Landlord may show the Premises to prospective tenants.</p>
<p>12.2 Cameras in the common parts do not record sound. Recordings are deleted after 72 hours unless they are needed as evidence.</p>
<p>12.3 The content of this Lease is confidential for both parties, except towards advisers, lenders, insurers, prospective buyers and authorities.</p>
""",
    ),
    (
        "Final provisions",
        """
<p>13.1 Changes to this Lease, including this clause, need written form signed by both parties. There are no side agreements.</p>
<p>13.2 If a provision is invalid, the rest of this Lease stands. The parties shall replace the provision by a valid one that comes closest to its purpose.</p>
<p>13.3 The law of the place of the Building applies. Disputes are first brought before a mediator; the courts at that place have jurisdiction if mediation has not ended within 60 days.</p>
<p>13.4 Written notices are sent to the addresses that the parties last gave each other in writing. A notice by registered post counts as received on the third Business Day after posting.</p>
<p>13.5 Schedules 1 and 2 are part of this Lease. It is signed in two copies, one for each party.</p>
<p class="signature">For the Landlord: ______________________________</p>
<p class="signature">For the Tenant: ________________________________</p>
""",
    ),
]

SCHEDULES: list[tuple[str, str]] = [
    (
        "Schedule 1: Service charges",
        """
<p>Yearly costs of the Building as budgeted for the first calendar year, and the Tenant’s share of 18.4 per cent. Amounts in EUR without value added tax.</p>
<table class="grid">
<tr><th>Service</th><th>Building a year</th><th>Tenant a year</th><th>Tenant a month</th></tr>
{service_rows}
</table>
<p>Heating and cooling of the Premises are billed by meter and are not part of the table. The advance under clause 5.2 is the total of the last column, rounded up to the next ten.</p>
""",
    ),
    (
        "Schedule 2: Floor schedule",
        """
<p>Areas in square metres, measured between the inner faces of the walls. Parking spaces are on the first basement floor.</p>
<table class="grid">
<tr><th>Room</th><th>Floor</th><th>Use</th><th>Area</th></tr>
{floor_rows}
</table>
<p>The Premises are shaded on the floor plans, which both parties have initialled. The ceiling height is 2.85 m on the second floor and 3.10 m on the third.</p>
""",
    ),
]

# Service, yearly cost of the Building in EUR.
SERVICES = (
    ("Cleaning of common parts", 46_800),
    ("Reception and security", 71_500),
    ("Lift maintenance", 18_200),
    ("Heating of common parts", 22_400),
    ("Electricity of common parts", 31_900),
    ("Water and drainage", 14_600),
    ("Waste collection", 16_300),
    ("Winter service and grounds", 9_700),
    ("Building insurance", 27_100),
    ("Property tax", 15_900),
    ("Fire safety and inspections", 8_400),
)
SHARE_PER_MILLE = 184

# Room, floor, use, square metres.
ROOMS = (
    ("2.01", "2", "Reception and waiting area", 64),
    ("2.02", "2", "Open office, north", 248),
    ("2.03", "2", "Open office, south", 212),
    ("2.04", "2", "Meeting room, 12 seats", 38),
    ("2.05", "2", "Kitchen and lounge", 46),
    ("2.06", "2", "Server room", 12),
    ("3.01", "3", "Open office, north", 236),
    ("3.02", "3", "Offices 1 to 8", 168),
    ("3.03", "3", "Conference room, 24 seats", 72),
    ("3.04", "3", "Quiet rooms", 44),
    ("3.05", "3", "Kitchen", 32),
    ("3.06", "3", "Archive", 68),
)
