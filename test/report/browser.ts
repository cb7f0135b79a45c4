import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** A message of the DevTools protocol, in either direction. */
interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  sessionId?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export interface View {
  width: number;
  scheme: "light" | "dark";
  media?: "print";
}

/** Chromium without windows, by the DevTools protocol over pipes: no port is opened. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #ended: Promise<unknown>;
  #events: Message[] = [];
  #waiting: (() => void) | undefined;
  #rest = "";
  #id = 0;

  /** @param directory for its profile */
  constructor(directory: string) {
    const options = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-pipe",
      `--user-data-dir=${directory}`,
    ];
    this.#process = spawn("chromium", options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#ended = once(this.#process, "exit");
    (this.#process.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  /** Opens a page, evaluates an expression in it, and returns the value. What it loads, and what the browser complains of, is an error. */
  async evaluate(url: string, expression: string, { width, scheme, media }: View): Promise<unknown> {
    this.#events = [];
    const { targetId } = await this.#call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true });
    const call = (method: string, params: object = {}): Promise<Record<string, unknown>> =>
      this.#call(method, params, sessionId as string);
    for (const domain of ["Page", "Network", "Log", "Runtime"]) await call(`${domain}.enable`);
    await call("Emulation.setDeviceMetricsOverride", {
      width,
      height: 1000,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await call("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: scheme }] });
    await call("Page.navigate", { url });
    await this.#event("Page.loadEventFired");
    const { result } = await call("Runtime.evaluate", { expression, returnByValue: true });
    await call("Page.close");
    const complaints = this.#events.filter(({ method, params }) => {
      if (method === "Network.requestWillBeSent") return (params as { request: { url: string } }).request.url !== url;
      return (
        method === "Log.entryAdded" || method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled"
      );
    });
    if (complaints.length > 0) throw new Error(JSON.stringify(complaints));
    return (result as { value: unknown }).value;
  }

  async close(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  async #call(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#answers.set(id, resolve);
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const answer = await Promise.race([
      promise,
      this.#ended.then(() => ({ error: { message: "chromium has ended" } })),
    ]);
    const { result, error } = answer as Message;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async #event(name: string): Promise<void> {
    while (!this.#events.some(({ method }) => method === name)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = resolve;
      await Promise.race([promise, this.#ended.then(() => Promise.reject(new Error("chromium has ended")))]);
    }
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const json of messages) {
      const message = JSON.parse(json) as Message;
      if (message.id !== undefined) this.#answers.get(message.id)?.(message);
      else {
        this.#events.push(message);
        this.#waiting?.();
      }
    }
  }
}
