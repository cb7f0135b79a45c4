import { declareCases } from "./containerd-cases.ts";
import { containerd2 } from "./releases.ts";

declareCases(containerd2);
