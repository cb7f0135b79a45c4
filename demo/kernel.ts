/**
 * `make demo-kernel`: the image of a Debian root, mounted by the kernel driver in a virtual machine, as the project's
 * founders wrote it down.
 *
 *     node demo/kernel.ts CACHE      CACHE/demo-store is the layout that `make demo` left
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  buildModule,
  findKernel,
  isKernelName,
  Machine,
  manifestOf,
  storeDisk,
  type StoreDisk,
} from "../qemu/src/index.ts";
import { style } from "../packages/cli/src/terminal/style.ts";
import { formatSeconds } from "../packages/cli/src/terminal/quantities.ts";

const store = join(resolve(process.argv[2] ?? "."), "demo-store");
const tag = "v2";
const inGuest = "/home/puzzlefs_oci";
const kernelName = process.env["KERNEL"] || "6.12";

const writing = "touch /mnt/etc/hostname";

/** The commands that are typed into the machine. */
function demonstration(manifest: string): string[] {
  return [
    "uname -r",
    "insmod /puzzlefs.ko",
    "grep puzzlefs /proc/filesystems",
    `mount -t puzzlefs -o oci_root_dir="${inGuest}" -o image_manifest="${manifest}" none /mnt`,
    "ls -la /mnt",
    "wc /mnt/etc/passwd /mnt/usr/bin/perl /mnt/opt/application/pages/*.html | tail -n 3",
    "cat /mnt/etc/hostname",
    "cat /mnt/opt/application/pages/7.html",
    "chroot /mnt /usr/bin/dpkg-query -W -f '${Package} ${Version}\\n' bash coreutils perl-base",
    writing,
    "grep puzzlefs /proc/mounts",
    "umount /mnt",
    "rmmod puzzlefs",
  ];
}

async function run(): Promise<void> {
  if (!isKernelName(kernelName)) throw new Error(`KERNEL=${kernelName} is not a kernel's name`);
  const kernel = findKernel(kernelName);
  console.log(`  The driver is built for ${kernel.release}, and the layout becomes a disk`);
  const module = readFileSync(buildModule(kernel).path);
  let disk: StoreDisk | undefined;
  let machine: Machine | undefined;
  try {
    disk = storeDisk(store);
    const start = performance.now();
    machine = await Machine.boot(kernel, module, { disks: [disk] });
    console.log(`  A virtual machine has started in ${formatSeconds((performance.now() - start) / 1000)}`);
    await machine.succeed(
      `mkdir -p ${inGuest} && mount -t ext4 /dev/vda ${inGuest}; modprobe sha256_ssse3 2>/dev/null`,
    );
    for (const command of demonstration(manifestOf(store, tag))) {
      console.log(style("cyan", `\n  # ${command}`));
      const { status, stdout, stderr } = await machine.run(command);
      const printed = `${stdout}${stderr}`.trimEnd();
      if (printed !== "") console.log(printed.replace(/^/gm, "  "));
      // Nothing can be written: that one must fail.
      if ((status === 0) === (command === writing)) throw new Error(`status ${status}`);
    }
    await machine.close();
  } finally {
    machine?.kill();
    disk?.remove();
  }
}

if (!existsSync(store)) {
  console.error(`demo-kernel: ${store} is missing: 'make demo' makes it`);
  process.exit(1);
}
const start = performance.now();
try {
  await run();
  console.log(`\nDone in ${formatSeconds((performance.now() - start) / 1000)}; the kernel had nothing to report.`);
  console.log(
    "Next: 'make vm IMAGE=OCI_DIR:TAG CMD=…' for your own images, 'make test-kernels' for all tests on all kernels.",
  );
} catch (error) {
  console.error(`demo-kernel: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
