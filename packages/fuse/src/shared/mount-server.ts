import { becomeOpaque, CAP_SYS_CHROOT, changeRoot, close, dropCapabilities, messageOf } from "@puzzlefs/linux";
import { limitHeapGrowth } from "../daemon/heap-growth.ts";
import { logTo } from "../daemon/log.ts";
import type { Log } from "../daemon/log-level.ts";
import { CONTROL_DESCRIPTOR, MEMORY_DESCRIPTOR, reportError, RESOURCE_DESCRIPTOR } from "../daemon/report.ts";
import { SharedRequest } from "../daemon/shared-request.ts";
import { Device } from "../device.ts";
import { Session } from "../session.ts";
import { replyBuffer } from "../wire/reply.ts";
import { Connection } from "./connection.ts";
import { LazyTree } from "./lazy-tree.ts";
import type { OpenedTree } from "./opened-tree.ts";
import type { MountOrder, MountReport, ServerMessage } from "./protocol.ts";

interface ServedMount {
  number: number;
  order: MountOrder;
  opened: OpenedTree;
  log: Log;
  /** Closed with it. */
  descriptors: readonly number[];
  isServed: boolean;
}

/**
 * The process that serves the mounts of a shared server: one session for each, on one event loop, which share the memory of
 * requests and replies. It parses untrusted images, and is confined to the store before the first.
 */
export class MountServer {
  readonly #openTree: (image: unknown) => OpenedTree;
  readonly #log: Log;
  readonly #memory = new SharedRequest(MEMORY_DESCRIPTOR);
  readonly #reply = replyBuffer();
  readonly #mounts = new Map<number, ServedMount>();
  readonly #supervisor: Connection;
  readonly #ended = Promise.withResolvers<void>();

  /** @param confined whether RESOURCE_DESCRIPTOR becomes the root directory */
  constructor(openTree: (image: unknown) => OpenedTree, confined: boolean, log: Log) {
    this.#openTree = openTree;
    this.#log = log;
    limitHeapGrowth();
    if (confined) {
      changeRoot(RESOURCE_DESCRIPTOR);
      dropCapabilities([CAP_SYS_CHROOT]);
    }
    becomeOpaque();
    this.#supervisor = new Connection(CONTROL_DESCRIPTOR, {
      message: (message, descriptors) => this.#receive(message as unknown as ServerMessage, descriptors),
      closed: () => this.#goOnAlone(),
    });
  }

  /** Settles when the supervisor and the last mount are gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  #receive(message: ServerMessage, descriptors: number[]): void {
    const { mount: number } = message;
    if ("open" in message) this.#open(number, message.open, descriptors);
    else if ("take" in message) {
      const [device, ...others] = descriptors;
      const tree = new LazyTree(message.facts, () => this.#openTree(message.take.image));
      this.#serve(this.#add(number, message.take, tree, others), device);
    } else {
      const mount = this.#mounts.get(number);
      if (mount === undefined) for (const descriptor of descriptors) close(descriptor);
      else if ("device" in message) this.#serve(mount, descriptors[0]);
      else if (!mount.isServed) this.#remove(mount);
    }
  }

  #open(number: number, order: MountOrder, descriptors: readonly number[]): void {
    try {
      const opened = this.#openTree(order.image);
      const { traits, hasHoles } = opened.tree;
      this.#add(number, order, opened, descriptors);
      this.#report({
        mount: number,
        opened: { ...(traits !== undefined && { traits }), ...(hasHoles !== undefined && { hasHoles }) },
      });
    } catch (error) {
      for (const descriptor of descriptors) close(descriptor);
      this.#report({ mount: number, error: reportError(error) });
    }
  }

  #add(number: number, order: MountOrder, opened: OpenedTree, descriptors: readonly number[]): ServedMount {
    const log = order.hasLog ? logTo({ kind: "file", descriptor: descriptors[0] }) : this.#log;
    const mount = { number, order, opened, log, descriptors, isServed: false };
    this.#mounts.set(number, mount);
    return mount;
  }

  #serve(mount: ServedMount, device: number): void {
    const { number, order, opened, log } = mount;
    const { uid, gid, inInitialUserNamespace, overlayMounter, debug } = order;
    mount.isServed = true;
    const session = new Session(new Device(device), opened.tree, {
      owner: { uid, gid },
      log,
      inInitialUserNamespace,
      number,
      requestMemory: this.#memory,
      replyMemory: this.#reply,
      ...(overlayMounter !== undefined && { overlayMounter }),
      ...(debug && { trace: (line: string) => log("debug", line) }),
    });
    // The kernel sends INIT to the first server only, not to its successors.
    session.ready.then(
      () => this.#report({ mount: number, ready: true }),
      () => undefined,
    );
    const end = (): void => {
      this.#remove(mount);
      this.#report({ mount: number, ended: true });
    };
    session.ended.then(
      () => {
        log("info", `${order.shownAt} unmounted`);
        end();
      },
      (error: unknown) => {
        log("error", messageOf(error));
        end();
      },
    );
    session.start();
  }

  #remove(mount: ServedMount): void {
    this.#mounts.delete(mount.number);
    mount.opened[Symbol.dispose]();
    for (const descriptor of mount.descriptors) close(descriptor);
    this.#endIfUnused();
  }

  #report(report: MountReport): void {
    this.#supervisor.send(report);
  }

  #goOnAlone(): void {
    for (const mount of this.#mounts.values()) {
      if (mount.isServed) mount.log("error", "the supervisor died; serving without");
      else this.#remove(mount);
    }
    this.#endIfUnused();
  }

  #endIfUnused(): void {
    if (this.#mounts.size === 0 && !this.#supervisor.isOpen) this.#ended.resolve();
  }
}
