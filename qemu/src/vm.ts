/**
 * `make vm`: boots a kernel with the driver, mounts an image on /mnt if one is named, and runs a command.
 *
 *     KERNEL=6.1|6.12|7|debug [IMAGE=OCI_DIR:TAG] [OPTIONS=MOUNT-OPTIONS] [TIMEOUT=SECONDS] CMD=… node vm.ts
 *
 * Prints the output of the command and exits with its status, or with 125 if the machine fails. KERNEL_LOG=1 prints the log.
 */
import { readFileSync } from "node:fs";
import { luaProgram } from "./build-guest.ts";
import { findKernel, isKernelName, kernelNames } from "./kernels.ts";
import { Machine } from "./machine.ts";
import { buildModule } from "./module.ts";
import { manifestOf, mountCommand, type StoreDisk, storeDisk } from "./store.ts";

const machineFailed = 125;
const layoutInGuest = "/home/puzzlefs_oci";

interface Settings {
  kernel: string;
  image: string | undefined;
  options: string | undefined;
  command: string;
  /** ms */
  timeout: number;
  showLog: boolean;
}

function settings(environment: NodeJS.ProcessEnv): Settings {
  const given = (name: string): string | undefined => environment[name] || undefined;
  return {
    kernel: given("KERNEL") ?? "6.12",
    image: given("IMAGE"),
    options: given("OPTIONS"),
    command: given("CMD") ?? "uname -a",
    timeout: Number(given("TIMEOUT") ?? "600") * 1000,
    showLog: given("KERNEL_LOG") !== undefined,
  };
}

/** Layout and tag of OCI_DIR:TAG. */
function splitImage(image: string): [layout: string, tag: string] {
  const colon = image.lastIndexOf(":");
  if (colon <= 0) throw new Error(`IMAGE=${image}: OCI_DIR:TAG is expected`);
  return [image.slice(0, colon), image.slice(colon + 1)];
}

async function run({ kernel: name, image, options, command, timeout, showLog }: Settings): Promise<number> {
  if (!isKernelName(name)) throw new Error(`KERNEL=${name}: one of ${kernelNames.join(", ")} is expected`);
  const kernel = findKernel(name);
  const [layout, tag] = image === undefined ? [] : splitImage(image);
  const manifest = layout === undefined || tag === undefined ? undefined : manifestOf(layout, tag);
  const module = readFileSync(buildModule(kernel).path);
  let disk: StoreDisk | undefined;
  let machine: Machine | undefined;
  try {
    disk = layout === undefined ? undefined : storeDisk(layout);
    const disks = disk === undefined ? [] : [{ image: disk.image }];
    machine = await Machine.boot(kernel, module, { disks, files: luaProgram() });
    await machine.succeed("modprobe -a sha256_ssse3 2>/dev/null; insmod /puzzlefs.ko");
    if (manifest !== undefined) {
      await machine.succeed(`mkdir -p ${layoutInGuest} && mount -t ext4 /dev/vda ${layoutInGuest}`);
      const more = options === undefined ? {} : { more: options };
      await machine.succeed(mountCommand({ store: layoutInGuest, manifest, at: "/mnt", ...more }));
    }
    const show = {
      stdout: (data: Buffer) => void process.stdout.write(data),
      stderr: (data: Buffer) => void process.stderr.write(data),
    };
    const { status } = await machine.run(command, { timeout, show });
    if (manifest !== undefined) await machine.run("umount /mnt");
    await machine.succeed("rmmod puzzlefs || { lsof 2>/dev/null; exit 1; }");
    await machine.close();
    return status;
  } finally {
    if (showLog && machine !== undefined) process.stderr.write(machine.log);
    machine?.kill();
    disk?.remove();
  }
}

try {
  process.exitCode = await run(settings(process.env));
} catch (error) {
  console.error(`vm: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = machineFailed;
}
