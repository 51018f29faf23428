import { describeNetinst } from '../support/in-part.ts';

describeNetinst();
