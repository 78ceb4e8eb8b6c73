#!/usr/bin/python3
"""Writes the trees beside it: what each board's kernel shows, as far as Linnet reads it.

No board has been at hand. Names, units, trips and what is missing follow the source that stands with each part and is
written to the tree's SOURCES; the readings themselves (temperatures, milliwatts, free memory) are synthetic. A tree that
`linnet doctor --record` wrote on a real device replaces one of these.
"""
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1024
LINUX = "github.com/torvalds/linux"
ORIN = (f"zone names: {LINUX} arch/arm64/boot/dts/nvidia/tegra234.dtsi (036f15c24888); critical trip: tegra234-p3767.dtsi there "
        "(0604aa87b098); passive trip: the patch for tegra234-p3737-0000 on linux-tegra that has cpu-sw-throttle; hot and active trips: synthetic; "
        "oc counters: NVIDIA's driver tegra23x-oc-event, hwmon name soctherm_oc")
AGX_RAILS = f"{LINUX} arch/arm64/boot/dts/nvidia/tegra234-p3701.dtsi (24f171c7e145), channels without label after the vendor's"
NANO_RAILS = "the patch for tegra234-p3767 that adds power-sensor@40: VDD_IN, VDD_CPU_GPU_CV, VDD_SOC"
THOR_RAILS = "labels as users of tegrastats report them (VDD_GPU, VDD_CPU_SOC_MSS, VIN); their chip: synthetic"
AS_ORIN = "synthetic, taken over from an Orin"
RPI = ("critical trip: github.com/raspberrypi/linux arch/arm/boot/dts/broadcom/bcm270x-rpi.dtsi (1f52077ebe3e); "
       f"rpi_volt, in0_lcrit_alarm: {LINUX} drivers/hwmon/raspberrypi-hwmon.c (0eaed89c18ae)")
RPI5 = "; active trips: github.com/raspberrypi/linux arch/arm64/boot/dts/broadcom/bcm2712-rpi-5-b.dts (9ac6cb2577ca)"
RK = ("names and trips of 75, 85 and 115 degrees: the first patch for rk3588s.dtsi on linux-rockchip, after the vendor's kernel; "
      "Linux itself now says package-thermal for soc-thermal")
KERNEL = "Linux Documentation: admin-guide/cgroup-v2, cgroup-v1, cputopology, PSI, powercap, hwmon sysfs-interface"
ARM = "Arm technical reference manuals: part numbers; Linux arch/arm64/kernel/cpuinfo.c: order and names of features"

A72 = "fp asimd evtstrm crc32 cpuid"
A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
V3 = A76 + " sve sve2 svei8mm svebf16 i8mm bf16"


class Board:
    def __init__(self, name):
        self.folder, self.sources, self.zones, self.chips = HERE / name, [], 0, 0
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, path, content):
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else (str(content) + "\n").encode())

    def source(self, what, where):
        self.sources.append(f"{what}: {where}")

    def device_tree(self, model, *compatible):
        self.put("/proc/device-tree/model", model.encode() + b"\0")
        self.put("/proc/device-tree/compatible", b"".join(word.encode() + b"\0" for word in compatible))

    def memory(self, total_mib, available_mib, pressure=True):
        self.put("/proc/meminfo", f"MemTotal:       {total_mib * MIB} kB\nMemFree:        {available_mib * MIB // 2} kB\n"
                                  f"MemAvailable:   {available_mib * MIB} kB")
        self.put("/proc/stat", "cpu  1000 0 500 90000 20 0 10 0 0 0")
        if pressure:
            for what in ("cpu", "memory", "io"):
                self.put(f"/proc/pressure/{what}", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
                                                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=0")
        self.source("/proc/meminfo, /proc/stat, /proc/pressure", "proc_meminfo(5), proc_stat(5); values synthetic")

    def cpuinfo(self, parts, features):
        """parts: (implementer, part) of each core."""
        text = [f"processor\t: {i}\nFeatures\t: {features}\nCPU implementer\t: {who}\nCPU architecture: 8\nCPU part\t: {part}\n"
                for i, (who, part) in enumerate(parts)]
        self.put("/proc/cpuinfo", "\n".join(text))
        self.source("/proc/cpuinfo", ARM)

    def cores(self, clusters, online=None):
        """clusters: (numbers, maximum kHz, current kHz, capacity or None); of the current ones, the first core's alone."""
        for numbers, fastest, now, capacity in clusters:
            self.put(f"/sys/devices/system/cpu/cpu{numbers[0]}/cpufreq/scaling_cur_freq", now)
            for number in numbers:
                folder = f"/sys/devices/system/cpu/cpu{number}"
                self.put(f"{folder}/cpufreq/related_cpus", " ".join(map(str, numbers)))
                self.put(f"{folder}/cpufreq/cpuinfo_max_freq", fastest)
                if capacity is not None:
                    self.put(f"{folder}/cpu_capacity", capacity)
        last = max(max(numbers) for numbers, *_ in clusters)
        self.put("/sys/devices/system/cpu/online", online or f"0-{last}")
        self.source("/sys/devices/system/cpu", KERNEL + "; frequencies, clusters and capacities synthetic")

    def zone(self, name, millidegrees, *trips):
        """A gated zone has no temperature: reading it fails."""
        folder = f"/sys/class/thermal/thermal_zone{self.zones}"
        self.zones += 1
        self.put(f"{folder}/type", name)
        if millidegrees is not None:
            self.put(f"{folder}/temp", millidegrees)
        for index, (kind, temperature) in enumerate(trips):
            self.put(f"{folder}/trip_point_{index}_type", kind)
            self.put(f"{folder}/trip_point_{index}_temp", temperature)

    def chip(self, name, **files):
        folder = f"/sys/class/hwmon/hwmon{self.chips}"
        self.chips += 1
        self.put(f"{folder}/name", name)
        for file, content in files.items():
            self.put(f"{folder}/{file}", content)

    def ina3221(self, *rails):
        """(label, mV, mA) of each channel."""
        files = {}
        for index, (label, millivolts, milliamperes) in enumerate(rails, 1):
            files |= {f"in{index}_label": label, f"in{index}_input": millivolts, f"curr{index}_input": milliamperes}
        self.chip("ina3221", **files, in7_label="sum of shunt voltages", in7_input=4)

    def finish(self):
        self.put("SOURCES", "Synthetic readings; names, units and structure after:\n" + "\n".join(self.sources))


def jetson_zones(board, *gated):
    shut = ("critical", 104500)
    board.zone("cpu-thermal", 48531, ("passive", 99000), ("hot", 102500), shut)
    for name in gated:
        board.zone(name, None, ("passive", 99000), shut)
    board.zone("tj-thermal", 49156, ("active", 48000), ("active", 60000), ("passive", 99000), shut)


def oc_counters(board, *counts):
    board.chip("soctherm_oc", **{f"oc{i}_event_cnt": count for i, count in enumerate(counts, 1)})


def jetson_orin_nano():
    board = Board("jetson-orin-nano")
    board.device_tree("NVIDIA Jetson Orin Nano Developer Kit", "nvidia,p3768-0000+p3767-0005", "nvidia,p3767-0005",
                      "nvidia,tegra234")
    board.memory(7619, 5000)
    board.cpuinfo([("0x41", "0xd42")] * 6, A76)
    board.cores([((0, 1, 2, 3), 1510400, 729600, None), ((4, 5), 1510400, 1510400, None)])
    jetson_zones(board, "gpu-thermal", "cv0-thermal")
    board.source("/sys/class/thermal", ORIN)
    board.source("/sys/class/hwmon, ina3221", NANO_RAILS)
    board.ina3221(("VDD_IN", 4968, 1200), ("VDD_CPU_GPU_CV", 4968, 300), ("VDD_SOC", 4968, 400))
    oc_counters(board, 2, 0, 5)
    board.finish()


def jetson_agx_orin():
    board = Board("jetson-agx-orin")
    board.device_tree("NVIDIA Jetson AGX Orin Developer Kit", "nvidia,p3737-0000+p3701-0005", "nvidia,p3701-0005", "nvidia,tegra234")
    board.memory(62800, 58000)
    board.cpuinfo([("0x41", "0xd42")] * 12, A76)
    board.cores([(tuple(range(i, i + 4)), 2201600, 1190400, None) for i in (0, 4)])  # A mode with 8 cores.
    jetson_zones(board, "gpu-thermal")
    board.source("/sys/class/thermal", ORIN)
    board.source("/sys/class/hwmon, ina3221", AGX_RAILS)
    board.ina3221(("VDD_GPU_SOC", 19920, 160), ("VDD_CPU_CV", 19920, 40), ("VIN_SYS_5V0", 4992, 600))
    board.ina3221(("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 4992, 200), ("NC", 0, 0))
    oc_counters(board, 0, 0, 0)
    board.finish()


def jetson_xavier_nx():
    board = Board("jetson-xavier-nx")
    board.device_tree("NVIDIA Jetson Xavier NX Developer Kit", "nvidia,p3509-0000+p3668-0000", "nvidia,tegra194")
    board.memory(7765, 4200, pressure=False)
    board.cpuinfo([("0x4e", "0x004")] * 6, A72 + " aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm dcpop")
    board.cores([((0, 1), 1907200, 1190400, None), ((2, 3), 1907200, 1190400, None)])
    jetson_zones(board, "PMIC-Die")
    board.source("/sys/class/thermal", AS_ORIN)
    for index, (label, milliwatts) in enumerate((("VDD_IN", 4300), ("VDD_CPU_GPU_CV", 900), ("VDD_SOC", 1100))):
        board.put(f"/sys/bus/iio/devices/iio:device0/rail_name_{index}", label)
        board.put(f"/sys/bus/iio/devices/iio:device0/in_power{index}_input", milliwatts)
    board.source("/sys/bus/iio/devices", "JetPack 4: rail_name_N, in_powerN_input in milliwatts, as github.com/rbonghi/jetson_stats reads them (jtop/core/power.py, 2536e0f3a460)")
    board.finish()


def jetson_thor():
    board = Board("jetson-thor")
    board.device_tree("NVIDIA Jetson AGX Thor Developer Kit", "nvidia,p4071-0000+p3834-0008", "nvidia,tegra264")
    board.memory(125700, 120000)
    board.cpuinfo([("0x41", "0xd83")] * 14, V3)
    board.cores([(tuple(range(14)), 2601000, 972000, None)])
    jetson_zones(board)
    board.source("/sys/class/thermal", AS_ORIN)
    board.source("/sys/class/hwmon, ina3221", THOR_RAILS)
    board.ina3221(("VDD_GPU", 12000, 900), ("VDD_CPU_SOC_MSS", 12000, 1100), ("VIN", 19800, 2000))
    board.finish()


def raspberry_pi(name, model, soc, part, features, frequency, critical, fans, volts_alarm, total):
    board = Board(name)
    board.device_tree(model, "raspberrypi," + name.removeprefix("raspberry-pi-") + "-model-b", "brcm," + soc)
    board.memory(total, total - 600, pressure=False)
    board.cpuinfo([("0x41", part)] * 4, features)
    board.cores([((0, 1, 2, 3), frequency, 600000, None)])
    board.source("/sys/class/thermal, /sys/class/hwmon", RPI + (RPI5 if fans else ""))
    board.zone("cpu-thermal", 51608, *[("active", fan) for fan in fans], ("critical", critical))
    board.chip("cpu_thermal", temp1_input=51608)
    board.chip("rpi_volt", in0_lcrit_alarm=volts_alarm)
    if fans:
        board.chip("pwmfan", fan1_input=2900, pwm1=75)
    board.put("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope")
    board.source("no PSI, no memory controller", "Raspberry Pi OS: psi=1 and cgroup_enable=memory are off by default")
    board.finish()


def rk3588():
    board = Board("rk3588")
    board.device_tree("Radxa ROCK 5B", "radxa,rock-5b", "rockchip,rk3588")
    board.memory(15700, 14000)
    board.cpuinfo([("0x41", "0xd05")] * 4 + [("0x41", "0xd0b")] * 4, A76)
    board.cores([((0, 1, 2, 3), 1800000, 408000, 414), ((4, 5), 2400000, 408000, 1024), ((6, 7), 2400000, 408000, 1024)])
    board.source("/sys/class/thermal", RK)
    board.zone("soc-thermal", 40692, ("passive", 75000), ("passive", 85000), ("critical", 115000))
    for name in ("bigcore0-thermal", "bigcore1-thermal", "littlecore-thermal", "center-thermal", "gpu-thermal", "npu-thermal"):
        board.zone(name, 39769)
    board.put("/proc/self/cgroup", "4:memory:/linnet\n3:cpu,cpuacct:/linnet\n0::/")
    for path, content in {"memory/linnet/memory.limit_in_bytes": 4294967296, "memory/linnet/memory.usage_in_bytes": 3000000000,
                          "memory/linnet/memory.stat": "cache 2900000000\nrss 100000000\nshmem 0\ninactive_file 20000000\nactive_file 5000000\n"
                                                      "total_rss 100000000\ntotal_shmem 0\ntotal_inactive_file 2000000000\n"
                                                      "total_active_file 850000000",
                          "memory/memory.limit_in_bytes": 9223372036854771712,
                          "cpu/linnet/cpu.cfs_quota_us": 350000, "cpu/linnet/cpu.cfs_period_us": 100000,
                          "cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000}.items():
        board.put("/sys/fs/cgroup/" + path, content)
    board.source("/sys/fs/cgroup (v1, as old vendor kernels mount it)", KERNEL)
    board.finish()


def x86_laptop():
    board = Board("x86-laptop")
    board.put("/sys/class/dmi/id/sys_vendor", "Example")
    board.put("/sys/class/dmi/id/product_name", "Laptop 14")
    board.memory(15800, 9000)
    flags = "fpu sse2 avx f16c fma avx2 avx_vnni"
    board.put("/proc/cpuinfo", "\n".join(f"processor\t: {i}\nmodel name\t: Intel(R) Core(TM) i5\nflags\t\t: {flags}\n" for i in range(8)))
    board.cores([((0, 1, 2, 3, 4, 5, 6, 7), 4200000, 1400000, None)])
    for first in (0, 2, 4, 6):
        for number in (first, first + 1):
            board.put(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list", f"{first}-{first + 1}")
    board.put("/sys/devices/system/cpu/isolated", "6-7")
    board.zone("acpitz", 27800, ("critical", 119000))
    board.zone("x86_pkg_temp", 51000)
    board.chip("coretemp", temp1_label="Package id 0", temp1_input=51000, temp1_max=100000, temp1_crit=100000)
    board.put("/sys/class/powercap/intel-rapl:0/name", "package-0")
    board.put("/sys/class/powercap/intel-rapl:0/energy_uj", 262143000000)
    board.put("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", 262143328850)
    board.put("/sys/class/powercap/intel-rapl:0:0/name", "core")
    board.put("/proc/self/cgroup", "0::/system.slice/linnetd.service")
    for path, content in {"system.slice/linnetd.service/memory.max": 2147483648,
                          "system.slice/linnetd.service/memory.current": 1900000000,
                          "system.slice/linnetd.service/memory.stat": "anon 47483648\nfile 1800000000\nkernel 52516352\nshmem 0\n"
                                                                      "inactive_file 1400000000\nactive_file 400000000\n"
                                                                      "slab_reclaimable 3000000\nslab_unreclaimable 1000000",
                          "system.slice/linnetd.service/memory.pressure": "some avg10=12.50 avg60=3.10 avg300=0.80 total=9000000\n"
                                                                          "full avg10=4.00 avg60=1.00 avg300=0.20 total=3000000",
                          "system.slice/linnetd.service/cpu.max": "250000 100000",
                          "system.slice/memory.max": "max", "system.slice/cpu.max": "max 100000"}.items():
        board.put("/sys/fs/cgroup/" + path, content)
    board.source("all", KERNEL + "; values synthetic")
    board.finish()


def unknown():
    board = Board("unknown")
    board.put("/proc/meminfo", "MemTotal:  500000 kB")
    board.source("all", "a kernel that tells next to nothing")
    board.finish()


for make in (jetson_orin_nano, jetson_agx_orin, jetson_xavier_nx, jetson_thor, rk3588, x86_laptop, unknown):
    make()
raspberry_pi("raspberry-pi-4", "Raspberry Pi 4 Model B Rev 1.4", "bcm2711", "0xd08", A72, 1800000, 110000, [], 1, 3790)
raspberry_pi("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0", "bcm2712", "0xd0b", A76, 2400000, 110000,
             [50000, 60000, 67500, 75000], 0, 8050)
