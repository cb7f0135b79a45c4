/** Costs of cases in a machine: processor time, wall clock, disk requests, memory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestFiles, Machine } from "@puzzlefs/qemu";
import { type Case, program } from "./kernel-cases.ts";
import { storeDirectory, type Subject } from "./kernel-subjects.ts";

/** Costs of one command. The times of an empty command are subtracted. */
export interface Measure {
  /** Nanoseconds that processors ran tasks, in user space and in the kernel, kernel threads too. */
  busy: number;
  /** Nanoseconds from start to end. */
  wall: number;
  /** Requests to the disk. */
  requests: number;
  /** Bytes read from the disk. */
  bytes: number;
}

export interface Memory {
  /** Bytes by which page cache and kernel structures grew when everything was read. */
  growth: number;
  /** Files of the store that were opened meanwhile. */
  opened: number;
}

export interface Mount {
  /** Mounting, and `ls` of the root, with empty caches. */
  measure: Measure;
  /** Bytes of kernel memory that the mount takes. */
  memory: number;
}

const sectorBytes = 512;
const kibibyte = 1024;
const emptyCaches = "sync; echo 3 >/proc/sys/vm/drop_caches";

export const guestFiles: GuestFiles = { [program]: readFileSync(join(import.meta.dirname, "kernel-guest.lua")) };

export class Meter {
  readonly #machine: Machine;
  #empty = { busy: 0, wall: 0 };

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Mounts all. */
  static async start(machine: Machine, subjects: readonly Subject[]): Promise<Meter> {
    await machine.succeed("modprobe -a sha256_ssse3 erofs squashfs 2>/dev/null; insmod /puzzlefs.ko");
    // While the host's disk works, minutes of a counted machine's clock may pass.
    await machine.succeed("echo 0 >/proc/sys/kernel/hung_task_timeout_secs");
    await machine.succeed(`mkdir -p ${storeDirectory} && mount -t ext4 -o ro /dev/vda ${storeDirectory}`);
    for (const { at, mount } of subjects) await machine.succeed(`mkdir -p ${at} && ${mount}`);
    const meter = new Meter(machine);
    await meter.#measure("vda", "true");
    const { busy, wall } = await meter.#measure("vda", "true");
    meter.#empty = { busy, wall };
    return meter;
  }

  /** The least that a case takes of some runs: each with empty caches first, then, if wanted, once more. */
  async run(subject: Subject, it: Case, large: string, runs: number): Promise<{ cold: Measure; warm?: Measure }> {
    const command = `cd ${subject.at} && ${it.command(large)}`;
    const cold: Measure[] = [];
    const warm: Measure[] = [];
    for (let count = 0; count < runs; count++) {
      await this.#machine.succeed(emptyCaches);
      cold.push(await this.#measure(subject.disk, command));
      if (it.warm) warm.push(await this.#measure(subject.disk, command));
    }
    return { cold: least(cold), ...(warm.length > 0 ? { warm: least(warm) } : {}) };
  }

  /** Reads everything, and counts what is in memory after it. */
  async memory(subject: Subject, readAll: string): Promise<Memory> {
    const machine = this.#machine;
    await machine.succeed(
      "mount -t tracefs none /sys/kernel/tracing 2>/dev/null; cd /sys/kernel/tracing; " +
        "echo 0 >events/kprobes/enable 2>/dev/null; echo p:opened ext4_file_open >kprobe_events && echo 1 >events/kprobes/enable",
    );
    await machine.succeed(`${emptyCaches}; sleep 1`);
    const before = await this.#inMemory();
    await machine.succeed(`cd ${subject.at} && ${readAll}`);
    const growth = (await this.#inMemory()) - before;
    const opened = Number((await machine.succeed("cat /sys/kernel/tracing/kprobe_profile")).trim().split(/\s+/)[1]);
    await machine.succeed("cd /sys/kernel/tracing; echo 0 >events/kprobes/enable; echo >kprobe_events");
    return { growth, opened };
  }

  /** The least of some runs, and what the last one left in memory. */
  async mount(subject: Subject, runs: number): Promise<Mount> {
    const machine = this.#machine;
    const measures: Measure[] = [];
    let before = 0;
    for (let count = 0; count < runs; count++) {
      await machine.succeed(`umount ${subject.at}; ${emptyCaches}; sleep 1; ${emptyCaches}`);
      before = await this.#mountMemory();
      measures.push(await this.#measure(subject.disk, `${subject.mount} && ls ${subject.at} >/dev/null`));
    }
    await machine.succeed(`${emptyCaches}; sleep 1; ${emptyCaches}`);
    return { measure: least(measures), memory: (await this.#mountMemory()) - before };
  }

  async #measure(disk: string, command: string): Promise<Measure> {
    const quoted = command.replaceAll("'", `'"'"'`);
    const line = await this.#machine.succeed(`lua ${program} measure ${disk} '${quoted}'`, { timeout: 900_000 });
    const [good, busy = 0, wall = 0, requests = 0, sectors = 0] = line.trim().split(/\s+/).map(numberOr);
    if (good !== "ok") throw new Error(`the guest could not do: ${command}`);
    const { busy: idleBusy, wall: idleWall } = this.#empty;
    return {
      busy: Number(busy) - idleBusy,
      wall: Number(wall) - idleWall,
      requests: Number(requests),
      bytes: Number(sectors) * sectorBytes,
    };
  }

  async #inMemory(): Promise<number> {
    return this.#sum(["Cached", "Buffers", "Slab"]);
  }

  /** Also what is neither cache nor slab. */
  async #mountMemory(): Promise<number> {
    return this.#sum(["Slab", "VmallocUsed", "Percpu", "Cached", "Buffers"]);
  }

  async #sum(names: readonly string[]): Promise<number> {
    const text = await this.#machine.succeed("cat /proc/meminfo");
    const values = new Map(text.split("\n").map((line) => [line.split(":")[0], Number(/\d+/.exec(line)?.[0])]));
    return names.reduce((sum, name) => sum + (values.get(name) ?? NaN) * kibibyte, 0);
  }
}

function numberOr(word: string): number | string {
  return Number.isNaN(Number(word)) ? word : Number(word);
}

/** Each of its figures from the run in which it was least. */
function least(measures: readonly Measure[]): Measure {
  const of = (key: keyof Measure): number => Math.min(...measures.map((measure) => measure[key]));
  return { busy: of("busy"), wall: of("wall"), requests: of("requests"), bytes: of("bytes") };
}
