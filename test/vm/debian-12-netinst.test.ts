import { describeNetinst } from '../support/netinst.ts';

describeNetinst();
