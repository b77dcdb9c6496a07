#!/usr/bin/env python3
"""scripts/convert_inception.py on files made here: what it writes, what it says of others."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent / "convert_inception.py"
sys.path.insert(0, str(SCRIPT.parent))
import convert_inception  # noqa: E402  pylint: disable=wrong-import-position

try:
    import h5py
    import torch
except ImportError:
    torch = None


class Convert(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        # One value an array, repeated without memory: the whole network would be 95 MB.
        cls.state = {name: torch.tensor(float(i)).expand(shape)
                     for i, (name, shape) in enumerate(convert_inception.expected_shapes().items())}

    def run_script(self, source, *options):
        """In this process: importing PyTorch takes seconds."""
        out = self.path / "out.h5"
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = convert_inception.main([str(source), str(out), *options])
        return status, complained.getvalue(), out

    def save(self, name, state, **options):
        torch.save(state, self.path / name, **options)
        return self.path / name

    def refused(self, source, message, *options):
        status, complaint, out = self.run_script(source, *options)
        self.assertEqual(status, 2, complaint)
        self.assertIn(message, complaint)
        self.assertEqual(complaint.count("\n"), 1, complaint)
        self.assertFalse(out.exists())

    def test_both_pickle_formats_give_the_same_arrays(self):
        state = {**self.state, "Conv2d_1a_3x3.bn.num_batches_tracked": torch.tensor(0)}
        for zipped in (True, False):
            source = self.save("weights.pth", state, _use_new_zipfile_serialization=zipped)
            status, complaint, out = self.run_script(source, "--any-weights")
            self.assertEqual((status, complaint), (0, ""))
            with h5py.File(out) as written:
                self.assertEqual(written.attrs["format"], "mebm-inception")
                self.assertEqual(written.attrs["version"], 1)
                self.assertEqual(written.attrs["source"], "weights.pth")
                self.assertEqual(written.attrs["source_sha256"], convert_inception.digest_of(source))
                self.assertEqual(set(written), set(self.state))
                for i, (name, values) in enumerate(self.state.items()):
                    self.assertEqual((written[name].shape, written[name].dtype), (tuple(values.shape), "float32"))
                    self.assertEqual(written[name][(0,) * values.dim()], i)
            out.unlink()

    def test_another_hash_is_refused(self):
        self.refused(self.save("other.pth", {}), "the published files' starts with 6726825d")

    def test_wrong_contents(self):
        name = "Mixed_6c.branch7x7_2.conv.weight"
        less = {key: value for key, value in self.state.items() if key != name}
        self.refused(self.save("less.pth", less), f"has no '{name}', expected shape [160, 160, 1, 7]", "--any-weights")
        self.refused(self.save("shape.pth", {**self.state, name: torch.zeros(160, 160, 7, 1)}),
                     f"'{name}' has shape [160, 160, 7, 1], expected [160, 160, 1, 7]", "--any-weights")
        self.refused(self.save("more.pth", {**self.state, "Mixed_8a.conv.weight": torch.zeros(1)}),
                     "holds 'Mixed_8a.conv.weight', which this network does not have", "--any-weights")
        self.refused(self.save("nan.pth", {**self.state, "fc.bias": torch.full((1008,), float("nan"))}),
                     "'fc.bias' holds values that are not finite", "--any-weights")
        self.refused(self.save("list.pth", [1, 2]), "holds a list, expected a state dict", "--any-weights")

    def test_files_that_are_no_weights(self):
        self.refused(self.path / "absent.pth", "cannot be read: No such file or directory")
        text = self.path / "text.pth"
        text.write_text("weights")
        self.refused(text, "PyTorch cannot load it", "--any-weights")


if __name__ == "__main__":
    if torch is None:
        print("skipped: needs PyTorch and h5py: scripts/dependencies.sh install golden")
        sys.exit(77)
    unittest.main()
