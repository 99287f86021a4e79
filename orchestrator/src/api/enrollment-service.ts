// The wire side of enrolment: counts by source address, converts, and leaves the rest to pki/enroll.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnrollmentService } from '@muster/gen/muster/enrollment/v1/enrollment_service_pb';
import { type EnrollDeps, enroll } from '../pki/enroll.ts';
import type { EnrollLimit } from '../pki/enroll-limit.ts';
import { addressKey } from './call-context.ts';
import { type ServedService, serve } from './served-service.ts';

/** Serves enrolment. */
export function enrollmentService(deps: EnrollDeps, limit: EnrollLimit): ServedService {
  return serve(EnrollmentService, {
    async enroll(request, context) {
      const address = context.values.get(addressKey);
      limit.take(address);
      const { joinToken, certificateRequest, name, hostname, machineIdHash, labels } = request;
      const enrolled = await enroll(deps, {
        joinToken,
        certificateRequest,
        name,
        hostname,
        machineIdHash,
        labels,
        address,
      });
      return {
        nodeId: enrolled.nodeId,
        nodeName: enrolled.nodeName,
        certificatePem: enrolled.certificatePem,
        caBundlePem: enrolled.caPem,
        agentAddresses: [...enrolled.agentAddresses],
        expiresTime: timestampFromMs(enrolled.expiresAtMs),
      };
    },
  });
}
