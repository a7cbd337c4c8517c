from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tfrecords
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces.nasbench101 import SPACE, hash_of, to_spec
from nepsbench.spaces.nasbench101_index import SIZE
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importers import nasbench101, tfrecord
from nepsbench.warehouse.importers.model_metrics import MessageError, read_messages
from nepsbench.warehouse.importing import ImportReport, import_table

#: A cell of two vertices, one of five, and the last of seven.
CELLS = (0, 300, SIZE - 1)
LIST_VALUES = (
    "SELECT taskid, model_idx, horizon, seed, params, total_time, epoch, runtime, train_acc, "
    "valid_acc, test_acc FROM curves ORDER BY taskid, model_idx, epoch"
)


def published(number: int, epochs: int, **more: Any) -> bytes:
    """Return a record of a cell."""
    matrix, labels = to_spec(SPACE.at(number))
    low = more.pop("low", 0.5)
    content = tfrecords.message(
        tfrecords.curve(epochs, low=low, **more), parameters=1_000_000 + number, total_time=300.5
    )
    return tfrecords.record(hash_of(SPACE.at(number)), epochs, matrix, labels, content)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of three cells, two numbers of epochs and two repeats, cells mixed."""
    records = [
        published(number, epochs, low=low)
        for low in (0.125, 0.25)
        for epochs in (108, 4)
        for number in CELLS
    ]
    return tfrecords.write(tmp_path / "nasbench_full.tfrecord", records)


def run(warehouse: Warehouse, path: Path) -> ImportReport:
    return import_table(warehouse, "nasbench101", path, name="nasbench101")


def test_every_training_and_evaluation_is_there_repeats_in_file_order(
    warehouse: Warehouse, file: Path
) -> None:
    report = run(warehouse, file)

    assert report.rows == {"nasbench101-cifar10": 12}
    assert report.epochs == {"nasbench101-cifar10": 36}
    rows = warehouse.query(LIST_VALUES).to_pylist()
    expected = [
        {
            "taskid": number,
            "model_idx": repeat,
            "horizon": horizon,
            "seed": None,
            "params": (1_000_000 + number) / 1e6,
            "total_time": 300.5,
            "epoch": epoch,
            "runtime": 100.0 * epoch / horizon + low,
            "train_acc": 100 * (low + 0.0625 * epoch / horizon),
            "valid_acc": 100 * (low + 0.03125 * epoch / horizon),
            "test_acc": 100 * (low + 0.015625 * epoch / horizon),
        }
        for number in CELLS
        for repeat, (horizon, low) in enumerate(
            [(4, 0.125), (4, 0.25), (108, 0.125), (108, 0.25)], start=1
        )
        for epoch in (0, horizon // 2, horizon)
    ]
    assert rows == expected


def test_a_row_names_its_configuration_and_architecture_as_the_space_does(
    warehouse: Warehouse, file: Path
) -> None:
    from nepsbench.spaces.architecture import architecture_id

    run(warehouse, file)
    for row in warehouse.query("FROM trials").to_pylist():
        configuration = SPACE.at(row["taskid"])
        assert {name: row[name] for name in SPACE.names} == configuration
        assert row["config_id"] == SPACE.config_id(configuration)
        assert row["architecture_id"] == architecture_id(SPACE, configuration)


def test_the_published_values_come_back_bit_for_bit(
    warehouse: Warehouse, shared_data: Path, tmp_path: Path
) -> None:
    """30 real cells: a record a run, as the authors' file has them."""
    cells = json.loads((shared_data / "nasbench101" / "nb101_30.json").read_text())
    path = tfrecords.write(
        tmp_path / "real.tfrecord",
        [
            _real_record(digest, cell, int(epochs), one)
            for digest, cell in cells.items()
            for epochs, several in cell["runs"].items()
            for one in several
        ],
    )

    run(warehouse, path)

    found = warehouse.query(LIST_VALUES).to_pylist()
    expected = [value for digest in cells for value in _real_values(digest, cells[digest])]
    assert len(expected) == 180
    key = ("taskid", "horizon", "epoch", "runtime")
    as_published = [
        {
            "taskid": row["taskid"],
            "horizon": row["horizon"],
            "epoch": row["epoch"],
            "runtime": row["runtime"],
            "parameters": round(row["params"] * 1e6),
            **{split: row[f"{split}_acc"] / 100 for split in ("train", "valid", "test")},
        }
        for row in found
        if row["epoch"] > 0
    ]
    for rows in (expected, as_published):
        rows.sort(key=lambda row: [row[name] for name in key])
    assert as_published == expected


def _real_record(digest: str, cell: dict[str, Any], epochs: int, one: dict[str, float]) -> bytes:
    evaluations = [{"current_epoch": 0.0, "training_time": 0.0}] + [
        {
            "current_epoch": epochs * part,
            **{
                name: one[f"{when}_{name}"]
                for name in (
                    "training_time",
                    "train_accuracy",
                    "validation_accuracy",
                    "test_accuracy",
                )
            },
        }
        for when, part in (("halfway", 0.5), ("final", 1.0))
    ]
    content = tfrecords.message(evaluations, parameters=cell["trainable_parameters"])
    return tfrecords.record(
        digest, epochs, cell["module_adjacency"], cell["module_operations"], content
    )


def _real_values(digest: str, cell: dict[str, Any]) -> list[dict[str, Any]]:
    from nepsbench.spaces.nasbench101 import from_spec

    configuration = from_spec(cell["module_adjacency"], cell["module_operations"])
    assert hash_of(configuration) == digest
    return [
        {
            "taskid": SPACE.index(configuration),
            "horizon": int(epochs),
            "epoch": int(epochs) // part,
            "runtime": one[f"{when}_training_time"],
            "parameters": cell["trainable_parameters"],
            "train": one[f"{when}_train_accuracy"],
            "valid": one[f"{when}_validation_accuracy"],
            "test": one[f"{when}_test_accuracy"],
        }
        for epochs, several in cell["runs"].items()
        for one in several
        for when, part in (("halfway", 2), ("final", 1))
    ]


@given(st.floats(0, 1, width=32))
def test_a_hundred_times_a_32_bit_fraction_is_exact_and_so_is_the_way_back(value: float) -> None:
    assert 100 * value / 100 == value


def test_what_was_not_recorded_is_missing(warehouse: Warehouse, tmp_path: Path) -> None:
    matrix, labels = to_spec(SPACE.at(0))
    content = tfrecords.message([{}, {"test_accuracy": 0.5}, {"training_time": 3.0}])
    data = tfrecords.record(hash_of(SPACE.at(0)), 4, matrix, labels, content)
    run(warehouse, tfrecords.write(tmp_path / "a.tfrecord", [data]))
    rows = warehouse.query(
        "SELECT params, total_time, epoch, runtime, test_acc FROM curves ORDER BY epoch"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (None, None, 0, None, None),
        (None, None, 2, None, 50.0),
        (None, None, 4, 3.0, None),
    ]


def test_64_bit_fractions_are_kept_as_such(warehouse: Warehouse, tmp_path: Path) -> None:
    data = [published(5, 4, test_accuracy=0.1), published(5, 4)]
    run(warehouse, tfrecords.write(tmp_path / "a.tfrecord", data))
    rows = warehouse.query("SELECT test_acc FROM epochs WHERE model_idx = 1").to_pylist()
    assert rows == [{"test_acc": 10.0}] * 3


def test_records_of_any_json_and_any_form_of_a_cell_say_the_same(
    warehouse: Warehouse, file: Path, tmp_path: Path
) -> None:
    """No space after commas, escaped slashes, upper-case hashes, a vertex that leads nowhere."""
    run(warehouse, file)
    before = warehouse.query(LIST_VALUES).to_pylist()
    records = []
    for data in tfrecord.read_records(next(tfrecord.pieces(file))).data:
        digest, epochs, adjacency, operations, text = json.loads(data)
        size = len(operations.split(","))
        if size < 8:
            rows = [adjacency[k * size : (k + 1) * size] for k in range(size)]
            rows = [row[:-1] + "0" + row[-1] for row in rows[:-1]] + ["0" * (size + 1)] * 2
            adjacency, operations = (
                "".join(rows),
                operations.replace(",output", ",maxpool3x3,output"),
            )
        other = [digest.upper(), epochs, adjacency, operations, text]
        records.append(json.dumps(other, separators=(",", ":")).replace("/", "\\/").encode())
    warehouse.drop("nasbench101")
    run(warehouse, tfrecords.write(tmp_path / "other.tfrecord", records))
    assert warehouse.query(LIST_VALUES).to_pylist() == before


def test_a_file_in_many_pieces_read_by_processes_is_the_same(
    warehouse: Warehouse, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(warehouse, file)
    before = warehouse.query(LIST_VALUES).to_pylist()
    warehouse.drop("nasbench101")
    cut = tfrecord.pieces
    monkeypatch.setattr(nasbench101, "PIECE", 0)
    monkeypatch.setattr(nasbench101, "pieces", lambda path: cut(path, size=1500))
    monkeypatch.setattr(nasbench101, "_CELLS", 1)
    monkeypatch.setattr(nasbench101, "_TRIALS", 5)
    assert len(list(cut(file, size=1500))) > 2

    run(warehouse, file)

    assert warehouse.query(LIST_VALUES).to_pylist() == before


def cut_off(content: bytes) -> bytes:
    return content[:-1]


def cut_within_a_head(content: bytes) -> bytes:
    return content + b"\x01\x00"


def altered(content: bytes) -> bytes:
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


def longer(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_off, r"byte \d{4}: the file ends within this record"),
        (cut_within_a_head, r"byte \d{4}: the file ends within this record"),
        (altered, r"byte \d{3}: the CRC of this record is wrong"),
        (longer, "byte 0: the CRC of a record's length is wrong"),
        (lambda _: b"", "byte 0: the file is empty"),
        (lambda _: b"hash,epochs\n" * 20, "byte 0: the CRC of a record's length is wrong"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_byte(
    warehouse: Warehouse, file: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CorruptedFileError, match=rf"nasbench_full.tfrecord: {words}") as caught:
        run(warehouse, file)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0
    assert not list(warehouse.home.rglob("*.parquet"))


@pytest.mark.parametrize("place", [0, 8, 12, 300, -1])
def test_any_flipped_byte_is_noticed(warehouse: Warehouse, file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 0x40
    file.write_bytes(content)
    with pytest.raises(CorruptedFileError, match=r"byte \d+: the CRC"):
        run(warehouse, file)


def entries(**changed: Any) -> bytes:
    """Return a record in which some entries are others."""
    names = ("hash", "epochs", "adjacency", "operations", "metrics")
    good = dict(zip(names, json.loads(published(300, 4)), strict=True))
    return json.dumps([*(good | changed).values()]).encode()


def metrics_of(content: bytes) -> str:
    return str(json.loads(tfrecords.record("", 4, [], [], content))[4])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[1, 2", "no JSON"),
        (b'["a", "b"]', "no list of hash, epochs"),
        (entries(epochs="four"), "its epochs is 'four'"),
        (entries(epochs=5), "5 epochs are no training"),
        (entries(hash="abc"), "'abc' is no hash"),
        (entries(hash="g" * 32), "is no hash"),
        (entries(hash="0" * 32), "is not that of the record's cell"),
        (entries(adjacency="01"), "no cell of NAS-Bench-101: '01' is no matrix"),
        (entries(adjacency="0" * 25), "no cell of NAS-Bench-101: .*path"),
        (entries(operations="input,conv5x5,output", adjacency="010001000"), "conv5x5"),
        (
            entries(
                operations="input" + ",maxpool3x3" * 6 + ",output",
                adjacency="".join("0" * (k + 1) + "1" + "0" * (6 - k) for k in range(7)) + "0" * 8,
            ),
            "8 vertices",
        ),
        (entries(metrics="*"), "no base64"),
        (entries(metrics="Zm9v*A=="), "no base64"),
        (entries(metrics="/////w=="), "no protobuf message"),
        (entries(metrics=metrics_of(tfrecords.message(tfrecords.curve(4)[:2]))), "2 evaluations"),
        (entries(epochs=12), r"12 epochs was evaluated at \[0.0, 2.0, 4.0\]"),
    ],
)
def test_a_record_that_is_none_of_the_benchmark_is_refused_by_name_and_byte(
    warehouse: Warehouse, tmp_path: Path, data: bytes, words: str
) -> None:
    first = published(0, 4)
    path = tfrecords.write(tmp_path / "a.tfrecord", [first, data, published(1, 4)])
    with pytest.raises(CorruptedFileError, match=rf"byte {len(first) + 16}: .*{words}") as caught:
        run(warehouse, path)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0


def test_a_cell_with_two_hashes_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    data = [published(300, 4), entries(hash="0" * 32)]
    with pytest.raises(CorruptedFileError, match=r"0{32} is not that of the record's cell"):
        run(warehouse, tfrecords.write(tmp_path / "a.tfrecord", data))


def test_a_record_too_long_and_a_file_that_is_not_there_are_told(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    length = struct.pack("<Q", 1 << 40)
    path = tmp_path / "long.tfrecord"
    path.write_bytes(length + struct.pack("<I", tfrecord.masked_crc(length)) + b"x" * 50)
    with pytest.raises(CorruptedFileError, match="byte 0: a record of 1099511627776 bytes"):
        run(warehouse, path)
    with pytest.raises(SpecError, match="no file; give nasbench_full"):
        run(warehouse, tmp_path / "absent")


def test_the_masked_crc_is_tensorflows() -> None:
    """Of no data, by hand: CRC 0, rotated 0, plus the constant; of 32 zeros by RFC 3720, B.4."""
    assert tfrecord.masked_crc(b"") == 0xA282EAD8
    crc = 0x8A9136AA
    assert tfrecord.masked_crc(bytes(32)) == (
        ((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8
    ) % (1 << 32)


DOUBLES = st.floats(allow_nan=False)
PATHS = st.sampled_from(["", "model.ckpt-1", "/model" * 30])
EVALUATIONS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(tfrecords.FIELDS, DOUBLES) | {"checkpoint_path": PATHS}
)
MESSAGES = st.tuples(
    st.lists(EVALUATIONS, min_size=3, max_size=3),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | DOUBLES,
)


@given(st.lists(MESSAGES, max_size=4))
def test_any_messages_of_protobuf_are_read_as_protobuf_reads_them(messages: list[Any]) -> None:
    written = [
        tfrecords.message(evaluations, parameters=parameters, total_time=total)
        for evaluations, parameters, total in messages
    ]
    found = read_messages(written, evaluations=3)
    for row, (evaluations, parameters, total) in enumerate(messages):
        expected = [[each.get(name, np.nan) for name in tfrecords.FIELDS] for each in evaluations]
        np.testing.assert_array_equal(found.evaluations[row], expected)
        np.testing.assert_equal(found.parameters[row], np.nan if parameters is None else parameters)
        np.testing.assert_equal(found.total_time[row], np.nan if total is None else total)


def test_unknown_fields_are_passed_over_and_of_two_the_last_counts() -> None:
    plain = tfrecords.message(tfrecords.curve(4), parameters=7, total_time=1.0)
    more = b"\x78\x96\x01" + b"\x7d" + bytes(4) + b"\x10\x09" + b"\x12\x01x"
    found = read_messages([plain, plain + more], evaluations=3)
    assert found.parameters.tolist() == [7, 9]
    assert found.total_time.tolist() == [1.0, 1.0]


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_an_error_and_nothing_else(content: bytes) -> None:
    with pytest.raises(MessageError, match=r"no protobuf message|published are 31"):
        read_messages([content], evaluations=31)  # an evaluation takes two bytes at least
