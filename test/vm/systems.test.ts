/** Every system that a shipped recipe builds in some minutes, built twice, booted by itself and logged in to. */
import { describeSystem, FAST_SYSTEMS } from '../support/systems.ts';

for (const system of FAST_SYSTEMS) describeSystem(system, { twice: true });
