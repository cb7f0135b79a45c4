import type { Reply } from "../wire/reply.ts";
import type { Request } from "../wire/request.ts";

/**
 * Answers one kind of request: writes the body of the reply and returns its size in bytes, or returns a negated error
 * number. What it throws becomes EIO.
 */
export type Handler = (request: Request, reply: Reply) => number;
