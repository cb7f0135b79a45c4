/** Debian's userland in a virtual machine, the images mounted by the kernel driver. */
import { readFileSync } from "node:fs";
import { buildModule, type Kernel, Machine, manifestOf, mountCommand } from "@puzzlefs/qemu";
import { type Material, tags } from "./material.ts";
import {
  environment,
  guestPaths,
  idShift,
  imageNames,
  type OpenTarget,
  type Outcome,
  type Target,
  quoted,
} from "./target.ts";

const root = "/debian";
const minute = 60_000;

/** What the system's own mounts would be in the root directory. */
const enter = `
mkdir -p ${root} && mount -t ext4 -o noatime /dev/vda ${root}
for directory in proc sys dev dev/shm; do mount --bind /$directory ${root}/$directory; done
mount -t tmpfs tmpfs ${root}/tmp && mount -t tmpfs tmpfs ${root}/run
mkdir -p ${root}/material ${root}/suites && mount -t ext4 -o noatime /dev/vdb ${root}/material
modprobe -a overlay sha256_ssse3 2>/dev/null
insmod /puzzlefs.ko`;

/** A process in a user namespace, named by a link: below chroot(2) none can be made. */
const makeUserNamespace = `
unshare -U sleep 1000000 </dev/null >/dev/null 2>&1 &
process=/proc/$!
until [ "$(readlink $process/ns/user)" != "$(readlink /proc/1/ns/user)" ]; do sleep 0.1; done
for map in uid_map gid_map; do echo 0 ${idShift} 65536 >$process/$map || exit; done
ln -s $process/ns/user ${root}${guestPaths.userNamespace}`;

/** Places on machines with this kernel; the module is built once. */
export function guests(kernel: Kernel, debianDisk: string, material: Material): OpenTarget {
  const module = readFileSync(buildModule(kernel).path);
  return async (suites) => {
    const shares = [...suites].map(([name, path]) => ({ path, at: `/shared/${name}` }));
    const disks = [{ image: debianDisk }, { image: material.disk() }];
    const machine = await Machine.boot(kernel, module, { disks, directories: shares });
    const guest = new Guest(machine, `kernel ${kernel.name}`);
    try {
      await machine.succeed(enter + makeUserNamespace);
      for (const name of suites.keys()) {
        const at = `${root}/suites/${name}`;
        await machine.succeed(`mkdir -p ${at} && mount --bind /shared/${name} ${at}`);
      }
      for (const name of imageNames) await guest.mount(manifestOf(material.store, name), guestPaths.image(name));
    } catch (error) {
      machine.kill();
      throw error;
    }
    return guest;
  };
}

class Guest implements Target {
  readonly driver = true;
  readonly name: string;
  readonly #machine: Machine;

  constructor(machine: Machine, name: string) {
    this.#machine = machine;
    this.name = name;
  }

  async mount(manifest: string, at: string): Promise<void> {
    const command = `mkdir -p ${at} && ${mountCommand({ store: guestPaths.store, manifest, at })}`;
    const { status, stderr } = await this.run(command);
    if (status !== 0) throw new Error(`${command}: ${stderr}`);
  }

  async run(command: string, timeout = 5 * minute, show?: (text: string) => void): Promise<Outcome> {
    // By absolute paths: busybox prefers its own programs to those of the new root.
    return this.#machine.run(`exec chroot ${root} ${environment} /bin/sh -c ${quoted(command)}`, {
      timeout,
      show: show === undefined ? {} : { stdout: (data) => show(data.toString("latin1")) },
    });
  }

  /** Unmounts the images, unloads the module and ends the machine. Mounts on the images must be gone. */
  async close(): Promise<void> {
    const targets = imageNames.map((name) => root + guestPaths.image(name)).join(" ");
    try {
      await this.#machine.succeed(`umount ${targets} && rmmod puzzlefs || { grep puzzlefs /proc/mounts; exit 1; }`);
      await this.#machine.close();
    } finally {
      this.#machine.kill();
    }
  }
}

/** Mount options for the image of unionmount's lower layer. */
export function lowerOptions(material: Material): string {
  return `oci_root_dir=${guestPaths.store},image_manifest=${manifestOf(material.store, tags.lower)}`;
}
