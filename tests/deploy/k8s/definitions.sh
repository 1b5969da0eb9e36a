#!/bin/bash
# definitions.sh DIRECTORY   What Strimzi defines, by its own generator, into DIRECTORY. Needs Maven and a Java >= 21, here
# or under /usr/lib/jvm.
set -euo pipefail
directory=$(realpath -m "$1")
jars=$directory/.strimzi
mkdir -p "$jars"
mvn -q -B -Dstyle.color=never -f "$(dirname "$0")/strimzi.xml" dependency:copy-dependencies \
	-DincludeScope=runtime -DoutputDirectory="$jars"

for java in java /usr/lib/jvm/*/bin/java; do
	release=$("$java" -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
	[ "${release:-0}" -ge 21 ] && break
done
[ "${release:-0}" -ge 21 ] || { echo "Strimzi's generator needs Java 21 or newer" >&2; exit 1; }

model=io.strimzi.api.kafka.model
for type in kafka.Kafka nodepool.KafkaNodePool topic.KafkaTopic user.KafkaUser; do
	"$java" -cp "$jars/*" io.strimzi.crdgenerator.CrdGenerator --yaml --target-kube 1.30+ --crd-api-version v1 \
		--api-versions v1 --describe-api-versions v1+ --storage-version v1 "$model.$type=$directory/strimzi-${type#*.}.yaml"
done
