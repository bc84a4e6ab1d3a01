import type { DescService } from "@bufbuild/protobuf";
import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

/** gRPC's health, of the server as a whole and of each of its services, which all serve or none. */
export class Health {
  readonly #told = new HealthImplementation();
  readonly #names: readonly string[];
  readonly #serves: () => boolean;
  #isServing: boolean | undefined;

  /** `serves`: whether a check would be answered now. */
  constructor(services: readonly DescService[], serves: () => boolean) {
    this.#names = ["", ...services.map((service) => service.typeName)];
    this.#serves = serves;
    this.refresh();
  }

  addTo(server: Server): void {
    this.#told.addToServer(server);
  }

  /** Due before a call is answered, and every now and then for those who watch: these are told of changes. */
  refresh(): void {
    const isServing = this.#serves();
    if (isServing === this.#isServing) return;
    this.#isServing = isServing;
    for (const name of this.#names) {
      this.#told.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
    }
  }
}

/** Whether a path is one of health. */
export function isOfHealth(path: string): boolean {
  return path.startsWith("/grpc.health.");
}
