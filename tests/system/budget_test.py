"""A day's energy runs out while three requesters go on asking: the least urgent work is refused first, the urgent never.

The board's rail is a script: 5 % of the budget a second for 14 s, then 1.5 %.
"""

import time

import world

BUDGET_WATT_HOURS = 0.2
PERCENT_A_SECOND = BUDGET_WATT_HOURS * 3600 * 1000 / 100  # Milliwatts.
COURSE = ((0, 5.0), (14000, 1.5))
END = 45
TEXT = world.SOURCE / "tests/data/models/llama-f16.gguf"

BOARD = """
name = "A board on a small battery"
[facts]
cores = 2
memory = "4G"
rails = [{ name = "VDD_IN", whole_module = true }]
[[line]]
name = "LAMP"
[[line]]
name = "DOOR"
""" + "".join(f"""
[[vitals]]
at_ms = {at}
memory_available = "2G"
rails = {{ VDD_IN = {round(percent * PERCENT_A_SECOND)} }}
""" for at, percent in COURSE)


class Budget(world.World):
    def setUp(self):
        super().setUp()
        broker = self.broker()
        self.began = time.monotonic()
        self.device = self.daemon(broker.port, board=BOARD, telemetry=f"energy_budget_wh = {BUDGET_WATT_HOURS}",
                                  more=f'[models.tiny]\npath = "{TEXT}"\n')
        self.requester = self.client(broker.port)
        self.wait_ready(self.device, self.requester)

    def rounds(self):
        """Outcomes of one request of each priority, again and again until the normal one is refused a while."""
        rounds, last = [], None
        while time.monotonic() - self.began < END and (last is None or time.monotonic() - last < 3):
            asked = {prio: self.requester.ask("infer", f"{prio}{len(rounds)}", {"prompt": "hello", "model": "tiny", "max_tokens": 4}, 20, prio=prio)
                     for prio in ("low", "normal", "high")}
            rounds.append(asked)
            if asked["normal"]["status"] == "rejected":
                last = last or time.monotonic()
            time.sleep(0.3)
        return rounds

    def test_the_least_urgent_is_refused_first(self):
        rounds = self.rounds()
        course = []
        for asked in rounds:
            refused = tuple(prio for prio, outcome in asked.items() if outcome["status"] != "done")
            if not course or course[-1] != refused:
                course.append(refused)
        self.assertEqual(course, [(), ("low",), ("low", "normal")])
        refusal = rounds[-1]["normal"]
        self.assertEqual((refusal["rc"], refusal["reason"]), (0x97, "the energy of the day is kept for more urgent work"))
        self.assertGreater(refusal["retry_after_ms"], 60_000)
        print(f"{len(rounds)} rounds of three priorities")


if __name__ == "__main__":
    world.main()
