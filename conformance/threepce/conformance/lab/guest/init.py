"""First process of the guest: from a bare kernel to the SG_IO server, with no other program.

The kernel starts this file with the host's own Python over hostfs, so it needs neither a shell
nor mount(8) nor modprobe. It lays an overlay over the host's root (whatever the guest writes goes
to its own memory), loads the modules in order, opens the line and the window, and serves.

It runs before sys.path is set: it may import only a few modules of the standard library.
"""

import ctypes
import os
import sys

OVERLAY = "overlay"
NO_OPERATION = "/bin/true"
BARE = ("threepce.scsi", "threepce.agent", "threepce.conformance")
SYS_FINIT_MODULE = 313  # x86-64; there is no other build of this kernel
EEXIST = 17
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_FREED = 32 << 20  # the most that glibc takes
POWER_OFF = 0x4321FEDC

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, directory: str, kind: str, options: str = "") -> None:
    """Mount a file system with the system call."""
    arguments = (source.encode(), directory.encode(), kind.encode())
    if libc.mount(*arguments, ctypes.c_ulong(0), options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind} on {directory}: {os.strerror(number)}")


def load_module(path: str) -> None:
    """Load one module; one that is loaded already is fine."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        failed = libc.syscall(ctypes.c_long(SYS_FINIT_MODULE), file, b"", 0)
        number = ctypes.get_errno()
    finally:
        os.close(file)
    if failed and number != EEXIST:
        raise OSError(number, f"load module {path}: {os.strerror(number)}")


def keep_freed_memory() -> None:
    """Have malloc reuse large buffers: in this kind of kernel a page fault costs some 50 us.

    Left to itself malloc returns a transfer's 1 MiB to the kernel after each command, and the
    faults of the next one make writing ten times slower.
    """
    libc.mallopt(M_MMAP_THRESHOLD, KEEP_FREED)
    libc.mallopt(M_TRIM_THRESHOLD, KEEP_FREED)


def load_in_order(modules: str, names: "tuple[str, ...]") -> None:
    """Load modules and what they need; modules.dep lists needs with the first-to-load last."""
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    with open(f"{modules}/modules.dep") as table:
        for line in table:
            path, _, rest = line.partition(":")
            needs[path] = rest.split()
            paths[path.rpartition("/")[2].partition(".")[0].replace("-", "_")] = path
    loaded: set[str] = set()
    for name in names:
        if name not in paths:
            continue  # built into this kernel; what is really missing shows at its first use
        for path in [*reversed(needs[paths[name]]), paths[name]]:
            if path not in loaded:
                load_module(f"{modules}/{path}")
                loaded.add(path)


def enter_overlay(scratch: str, modules: str) -> None:
    """Change the root to an overlay in memory over the host's root, with the usual mounts."""
    base = f"{scratch}/overlay"
    mount("overlay", base, "tmpfs")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{base}/{name}")
    load_in_order(modules, (OVERLAY,))
    options = f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
    mount("root", f"{base}/root", "overlay", options)
    root = f"{base}/root"
    for directory, kind in (("proc", "proc"), ("sys", "sysfs"), ("dev", "devtmpfs")):
        os.makedirs(f"{root}/{directory}", exist_ok=True)
        mount(kind, f"{root}/{directory}", kind)
    # /run and /tmp stay the host's, seen through the overlay: Python may be installed below them.
    # hostfs itself, for the files of the units: seen through the overlay they would be copied up.
    os.makedirs(f"{root}/run/threepce", exist_ok=True)
    mount("none", f"{root}/run/threepce", "hostfs", f"{scratch}/units")
    os.chroot(root)
    os.chdir("/")


def import_bare(names: "tuple[str, ...]") -> None:
    """Make packages known without running them: what they export is of no use in here.

    The guest needs a few modules below them, and should boot no slower for what grows beside.
    """
    import importlib.util

    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"{name} is not on the host's sys.path: {sys.path}")
        sys.modules[name] = importlib.util.module_from_spec(spec)


def main(scratch: str) -> None:
    """Bring the guest up and serve until the line closes."""
    import json

    keep_freed_memory()
    with open(f"{scratch}/guest.json") as file:
        settings = json.load(file)
    enter_overlay(scratch, settings["modules"])
    sys.path[:] = settings["sys_path"]
    import_bare(BARE)
    from threepce.conformance.lab.guest import server

    os.makedirs("/etc/target", exist_ok=True)  # target_core_mod looks for it as it is loaded
    load_in_order(settings["modules"], tuple(settings["load"]))
    if os.path.exists(NO_OPERATION):
        # LIO asks for every backstore module there is and logs those that no modprobe brings.
        with open("/proc/sys/kernel/modprobe", "w") as file:
            file.write(NO_OPERATION)
    mount("config", "/sys/kernel/config", "configfs")
    server.serve(settings, lambda name: load_in_order(settings["modules"], (name,)))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BaseException:  # noqa: BLE001 - the console log is the only witness
        # The console log is the only witness: say what happened before the lights go out.
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    libc.sync()
    libc.reboot(ctypes.c_int(POWER_OFF))
