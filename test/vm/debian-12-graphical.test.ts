import { describeGraphical } from '../support/in-part.ts';

describeGraphical();
