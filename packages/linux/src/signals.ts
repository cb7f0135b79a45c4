import { addressOf, bind, check } from "./library.ts";

/** Signals that ask a process to end, and their numbers on every Linux architecture. */
const ENDING = [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const;

export type EndingSignal = (typeof ENDING)[number][0];

/** A signal asked this process to end. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly signal: EndingSignal;

  constructor(signal: EndingSignal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** uv_handle_type. */
const UV_SIGNAL = 16;
/** uv_run_mode. */
const UV_RUN_NOWAIT = 2;
/** Looking costs 2 µs. */
const LOOK_EVERY_MILLISECONDS = 20;

const dlsym = bind("uint64_t dlsym(void *library, const void *name)");
const loopSize = bind("size_t uv_loop_size()");
const handleSize = bind("size_t uv_handle_size(int type)");
const loopInit = bind("int uv_loop_init(void *loop)");
const loopClose = bind("int uv_loop_close(void *loop)");
const signalInit = bind("int uv_signal_init(void *loop, void *handle)");
const startOneshot = bind("int uv_signal_start_oneshot(void *handle, uint64_t callback, int signal)");
const isActive = bind("int uv_is_active(void *handle)");
const closeHandle = bind("void uv_close(void *handle, void *callback)");
const runLoop = bind("int uv_run(void *loop, int mode)");

/**
 * Notices SIGHUP, SIGINT and SIGTERM in a thread that does not return to Node's event loop for minutes, so that it can
 * remove what it has begun. Node's own listeners would not run until then. It is a second loop of libuv, which
 * supports any number of them, and which is only ever polled.
 *
 * A second signal of the same kind ends the process at once, as without this class.
 */
export class SignalWatch {
  /** Not in V8's heap, because libuv links them with each other. */
  readonly #loop = Buffer.allocUnsafeSlow(loopSize());
  readonly #handles: Buffer[] = [];
  #lookAt = 0;
  #open = true;

  constructor() {
    addressOf(this.#loop);
    check(loopInit(this.#loop), "uv_loop_init");
    // Whatever the callback is, it gets the handle and the number: this one does nothing.
    const callback = dlsym(null, Buffer.from("uv_is_active\0"));
    for (const [, number] of ENDING) {
      const handle = Buffer.allocUnsafeSlow(handleSize(UV_SIGNAL));
      check(signalInit(this.#loop, handle), "uv_signal_init");
      check(startOneshot(handle, callback, number), "uv_signal_start_oneshot");
      this.#handles.push(handle);
    }
  }

  /** The signal that was received, if any. */
  received(): EndingSignal | undefined {
    runLoop(this.#loop, UV_RUN_NOWAIT);
    return ENDING[this.#handles.findIndex((handle) => isActive(handle) === 0)]?.[0];
  }

  /** Throws InterruptedError once a signal has come. To be called often: it looks every 20 ms. */
  readonly check = (): void => {
    const now = performance.now();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_EVERY_MILLISECONDS;
    const signal = this.received();
    if (signal !== undefined) throw new InterruptedError(signal);
  };

  /** From here on signals have their usual effect. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const handle of this.#handles) closeHandle(handle, null);
    runLoop(this.#loop, UV_RUN_NOWAIT);
    loopClose(this.#loop);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
