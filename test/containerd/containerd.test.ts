import { declareCases } from "./containerd-cases.ts";
import { debian } from "./releases.ts";

declareCases(debian);
