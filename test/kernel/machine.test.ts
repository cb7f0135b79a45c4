/** The machines themselves: output and status of commands, and every fault that a kernel reports. */
import { findKernel, findReports, KernelFailure, Machine } from "@puzzlefs/qemu";
import test from "ava";
import { kernels, kernelTest } from "./driver.ts";

test("reports of the kernel are found in its log, and nothing else is", (t) => {
  const reports = [
    "[   1.0] WARNING: CPU: 0 PID: 128 at fs/inode.c:3 drop_nlink+0x1a/0x1000",
    "[   1.0] BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "[   1.0] Kernel panic - not syncing: sysrq triggered crash",
    "[   1.0] INFO: task cat:77 blocked for more than 120 seconds.",
    "[   1.0] WARNING: possible circular locking dependency detected",
    "[   1.0] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "[   1.0] BUG: KASAN: slab-out-of-bounds in puzzlefs_lookup+0x10/0x20",
    "[   1.0] UBSAN: shift-out-of-bounds in fs/puzzlefs/data.c:10:3",
    "[   1.0] VFS: Busy inodes after unmount of none (puzzlefs)",
  ];
  const ordinary = [
    "[   1.0] puzzlefs: loading out-of-tree module taints kernel.",
    "[   1.0] puzzlefs: corrupt metadata 00: dir-entry-name-slash (inode 1, byte 2)",
    "[   1.0] EXT4-fs (vda): mounted filesystem without journal. Quota mode: none.",
    "[   1.0] sh (269): drop_caches: 3",
  ];
  t.deepEqual(findReports([...ordinary, ...reports, ...ordinary].join("\n")), reports);
  t.deepEqual(findReports(reports.join("\n"), [/./]), []);
});

for (const kernel of kernels) {
  kernelTest(kernel, "a machine returns status and output; a fault that its kernel reports ends it", async (t) => {
    const machine = await Machine.boot(findKernel(kernel), undefined);
    t.teardown(() => machine.kill());
    const { status, stdout, stderr } = await machine.run("printf 'a\\001b\\n'; echo problem >&2; exit 3");
    t.deepEqual({ status, stdout, stderr }, { status: 3, stdout: "a\x01b\n", stderr: "problem\n" });
    await t.throwsAsync(machine.succeed("false"), { name: "CommandFailure" });
    const large = await machine.succeed("yes 0123456789abcde | head -c 4000000");
    t.is(large.length, 4_000_000);
    const reporting = machine.run("echo 'WARNING: CPU: 0 PID: 1 at a test' >/dev/kmsg; sleep 1000");
    const error = await t.throwsAsync(reporting, { instanceOf: KernelFailure });
    t.regex(error?.message ?? "", /the kernel reported: .*WARNING: CPU: 0/);
    await t.throwsAsync(machine.run("true"), { message: /not running/ });
  });
}
