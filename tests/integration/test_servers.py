"""The servers that other tests stand on: they start, die, come back with their data, never outlive a run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import TopicPartition

from deploy.local.programs import ROOT, ask_redis, kafka_answers, redis_answers
from tests.servers import KafkaServer, Program, RedisServer, wait_until


def test_a_record_survives_the_brokers_sigkill(tmp_path: Path) -> None:
    with KafkaServer(tmp_path) as kafka:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic("t", 1, 1, topic_configs={"flush.messages": "1"})])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        producer.send("t", b"one").get(timeout=30)
        producer.close()
        kafka.kill()
        assert not kafka_answers(kafka.port)
        kafka.start()
        consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        consumer.assign([TopicPartition("t", 0)])
        record = next(consumer)
        consumer.close()
        assert record.value == b"one"


def test_a_wiped_broker_comes_back_empty(tmp_path: Path) -> None:
    with KafkaServer(tmp_path) as kafka:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic("t", 1, 1)])
        admin.close()
        kafka.wipe()
        kafka.start()
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        topics = admin.list_topics()
        admin.close()
        assert "t" not in str(topics)


@pytest.mark.parametrize("cluster", [False, True], ids=["plain", "one-node cluster"])
def test_redis_reads_its_append_only_file_after_sigkill(tmp_path: Path, cluster: bool) -> None:
    with RedisServer(tmp_path, cluster=cluster) as redis:
        assert ask_redis(redis.port, "SET", "k", "v") == b"+OK\r\n"
        redis.kill()
        assert not redis_answers(redis.port)
        redis.start()
        assert ask_redis(redis.port, "GET", "k") == b"$1\r\nv\r\n"


def test_a_paused_redis_answers_again_when_resumed(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        redis.pause()
        with pytest.raises(TimeoutError):
            ask_redis(redis.port, "PING")
        redis.resume()
        assert redis_answers(redis.port)


class NeverReady(Program):
    def ready(self) -> bool:
        return False


def test_a_program_that_ends_before_it_serves_is_told_with_its_exit_code_and_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="early ended with 3\nno such counter"):
        NeverReady("early", ["sh", "-c", "echo no such counter; exit 3"], tmp_path).start()


def test_no_server_outlives_a_test_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time; from tests.servers import RedisServer\n"
        "redis = RedisServer(pathlib.Path(sys.argv[1])).start(); print(redis.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        os.kill(pid, 0)
        owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="redis to die with its owner")
