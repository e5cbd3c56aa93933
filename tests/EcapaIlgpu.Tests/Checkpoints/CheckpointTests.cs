using System.IO.Compression;
using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Tests.Checkpoints;

public sealed class CheckpointTests
{
    private const string Name = "a.pt";

    /// <summary>Numbers that every type of tensor holds exactly.</summary>
    private static readonly float[] Numbers = [1, -2, 3, 0, 5, -6];

    public static TheoryData<int, string?, bool, bool> Forms()
    {
        TheoryData<int, string?, bool, bool> forms = [];
        foreach (int protocol in (int[])[2, 3, 4])
        {
            foreach (string? wrapper in (string?[])[null, "state_dict", "model"])
            {
                forms.Add(protocol, wrapper, true, false);
                forms.Add(protocol, wrapper, false, true);
            }
        }
        return forms;
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_form_of_torch_save_gives_the_same_tensors_in_order(int protocol, string? wrapper, bool legacy, bool parameters)
    {
        CheckpointBuilder builder = new() { Protocol = protocol, Wrapper = wrapper, Parameters = parameters };
        builder.Add("module.z.weight", TensorType.Float32, [2, 3], Numbers).Add("module.a.num_batches_tracked", TensorType.Int64, [], 12);

        Checkpoint checkpoint = Checkpoint.Load(legacy ? builder.ToLegacy() : builder.ToZip(), Name);

        Assert.Equal(legacy ? CheckpointFormat.PyTorchLegacy : CheckpointFormat.PyTorchZip, checkpoint.Format);
        Assert.Equal(["z.weight", "a.num_batches_tracked"], checkpoint.Tensors.Keys);
        Assert.Equal([2, 3], checkpoint.Tensors["z.weight"].Shape);
        Assert.Equal(Numbers, checkpoint.Tensors["z.weight"].Values.ToArray());
        Assert.Empty(checkpoint.Tensors["a.num_batches_tracked"].Shape);
        Assert.Equal([12f], checkpoint.Tensors["a.num_batches_tracked"].Values.ToArray());
    }

    [Theory]
    [InlineData(TensorType.Float32, "F32")]
    [InlineData(TensorType.Float64, "F64")]
    [InlineData(TensorType.Float16, "F16")]
    [InlineData(TensorType.BFloat16, "BF16")]
    [InlineData(TensorType.Int64, "I64")]
    [InlineData(TensorType.Int32, "I32")]
    public void Every_type_of_tensor_reads_alike_from_every_container(TensorType type, string safetensorsType)
    {
        CheckpointBuilder builder = new CheckpointBuilder().Add("w", type, [6], Numbers);
        byte[] raw = CheckpointBuilder.Encode(type, Numbers);
        byte[] safetensors = CheckpointBuilder.Safetensors(
            $$$"""{"__metadata__":{"format":"pt"},"w":{"dtype":"{{{safetensorsType}}}","shape":[6],"data_offsets":[0,{{{raw.Length}}}]}}""",
            raw);
        foreach (byte[] file in (byte[][])[builder.ToZip(), builder.ToLegacy(), safetensors])
        {
            NamedTensor tensor = Checkpoint.Load(file, Name).Tensors["w"];
            Assert.Equal(type, tensor.Type);
            Assert.Equal(Numbers, tensor.Values.ToArray());
        }
    }

    [Fact]
    public void Float64_rounds_to_the_nearest_float32()
    {
        byte[] raw = [.. BitConverter.GetBytes(0.1), .. BitConverter.GetBytes(1e300)];
        byte[] file = CheckpointBuilder.Safetensors("""{"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}""", raw);
        Assert.Equal([0.1f, float.PositiveInfinity], Checkpoint.Load(file, Name).Tensors["w"].Values.ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Strided_views_of_a_shared_storage_are_gathered(bool legacy)
    {
        CheckpointBuilder builder = new CheckpointBuilder()
            .AddStorage("7", "FloatStorage", 6, CheckpointBuilder.Encode(TensorType.Float32, Numbers))
            .AddView("whole", "7", 0, [2, 3], [3, 1])
            .AddView("transposed", "7", 0, [3, 2], [1, 3])
            .AddView("second column", "7", 1, [2], [3])
            .AddView("second row", "7", 3, [1, 3], [99, 1])
            .AddView("none", "7", 6, [0, 3], [3, 1]);

        IReadOnlyDictionary<string, NamedTensor> tensors = Checkpoint.Load(legacy ? builder.ToLegacy() : builder.ToZip(), Name).Tensors;

        Assert.Equal(Numbers, tensors["whole"].Values.ToArray());
        Assert.Equal([1, 0, -2, 5, 3, -6], tensors["transposed"].Values.ToArray());
        Assert.Equal([-2, 5], tensors["second column"].Values.ToArray());
        Assert.Equal([0, 5, -6], tensors["second row"].Values.ToArray());
        Assert.Equal([0, 3], tensors["none"].Shape);
        Assert.Equal(0, tensors["none"].Values.Length);
    }

    [Fact]
    public void Legacy_storages_may_be_views_of_others()
    {
        byte[] file = new CheckpointBuilder { LegacyViewStart = 4 }.Add("w", TensorType.Float32, [6], Numbers).ToLegacy();
        Assert.Equal(Numbers, Checkpoint.Load(file, Name).Tensors["w"].Values.ToArray());
    }

    [Theory]
    [InlineData("torch", "cuda:0")]
    [InlineData("torch.cuda", "cuda:3")]
    public void Tensors_saved_on_a_gpu_load(string module, string location)
    {
        CheckpointBuilder builder = new CheckpointBuilder { StorageModule = module, Location = location }.Add(
            "w", TensorType.Float32, [6], Numbers);
        Assert.Equal(Numbers, Checkpoint.Load(builder.ToZip(), Name).Tensors["w"].Values.ToArray());
        Assert.Equal(Numbers, Checkpoint.Load(builder.ToLegacy(), Name).Tensors["w"].Values.ToArray());
    }

    [Fact]
    public void Archives_may_have_any_folder_newer_entries_and_mild_compression()
    {
        CheckpointBuilder builder = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers);
        byte[] file = builder.ToZip(
            "a folder/within", CompressionLevel.Optimal, ("byteorder", "little"u8.ToArray()),
            (".data/serialization_id", "123"u8.ToArray()));
        Assert.Equal(Numbers, Checkpoint.Load(file, Name).Tensors["w"].Values.ToArray());
    }

    [Fact]
    public void A_magic_number_in_text_is_that_of_pickle_protocol_1()
    {
        byte[] file = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers).ToLegacy();
        byte[] binaryMagic = new PickleWriter().Begin().Raw(file.AsSpan(2, 12)).Stop().ToArray();
        file = [.. "L119547037146038801333356L\n."u8, .. file.AsSpan(binaryMagic.Length)];
        Assert.Equal(Numbers, Checkpoint.Load(file, Name).Tensors["w"].Values.ToArray());
    }

    [Fact]
    public void The_digest_is_that_of_the_file()
    {
        byte[] file = CheckpointBuilder.Safetensors("{}");
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, file);
            string expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file));
            Assert.Equal(expected, Checkpoint.Load(path).Digest);
            using FileStream stream = File.OpenRead(path);
            Assert.Equal(expected, Checkpoint.Load(stream, Name).Digest);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static TheoryData<string, string> ForeignGlobals => new()
    {
        { "os", "system" },
        { "posix", "system" },
        { "nt", "system" },
        { "builtins", "eval" },
        { "__builtin__", "exec" },
        { "subprocess", "Popen" },
        { "torch", "load" },
        { "torch._utils", "_import_dotted_name" },
        { "collections", "OrderedDict.fromkeys" },
        { "wespeaker.models.ecapa_tdnn", "ECAPA_TDNN_GLOB_c512" },
    };

    [Theory]
    [MemberData(nameof(ForeignGlobals))]
    public void A_foreign_global_is_refused_by_name(string module, string name)
    {
        foreach (int protocol in (int[])[2, 4])
        {
            byte[] pickle = new PickleWriter(protocol).Begin().Global(module, name).Mark().Text("touch /tmp/owned").Tuple().Reduce().Stop()
                .ToArray();
            byte[][] files = [CheckpointBuilder.Zip([("archive/data.pkl", pickle)]), [.. CheckpointBuilder.LegacyHeader(), .. pickle]];
            foreach (byte[] file in files)
                Assert.Contains($"refers to {module}.{name},", Refused(file), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_foreign_global_is_refused_where_the_magic_number_should_be()
    {
        byte[] file = new PickleWriter().Begin().Global("os", "system").Mark().Text("true").Tuple().Reduce().Stop().ToArray();
        Assert.Contains("os.system", Refused(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData('i', "INST")]
    [InlineData('o', "OBJ")]
    [InlineData(0x82, "EXT1")]
    [InlineData(0x92, "NEWOBJ_EX")]
    [InlineData('P', "PERSID")]
    [InlineData(0x98, "READONLY_BUFFER")]
    public void Opcodes_that_no_checkpoint_needs_are_refused(int opcode, string what)
    {
        byte[] pickle = new PickleWriter().Begin().Mark().Raw((byte)opcode).Raw("os\nsystem\n"u8).Stop().ToArray();
        Assert.True(
            Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])).Contains($"opcode 0x{opcode:X2}", StringComparison.Ordinal), what);
    }

    [Theory]
    [InlineData(0, "[7]", "[1]")]
    [InlineData(1, "[6]", "[1]")]
    [InlineData(0, "[2, 2]", "[5, 1]")]
    [InlineData(0, "[6, 6]", "[1, 0]")]
    [InlineData(0, "[1000000, 1000000, 1000000, 1000000]", "[0, 0, 0, 0]")]
    [InlineData(-1, "[2]", "[1]")]
    [InlineData(5, "[2]", "[-1]")]
    [InlineData(0, "[-2]", "[1]")]
    [InlineData(0, "[2]", "[1, 1]")]
    [InlineData(9223372036854775807, "[2]", "[9223372036854775807]")]
    public void A_view_beyond_its_storage_is_refused(long offset, string shape, string strides)
    {
        CheckpointBuilder builder = new CheckpointBuilder()
            .AddStorage("0", "FloatStorage", 6, CheckpointBuilder.Encode(TensorType.Float32, Numbers))
            .AddView("w", "0", offset, Parse(shape), Parse(strides));
        Assert.Contains("does not lie within its storage", Refused(builder.ToZip()), StringComparison.Ordinal);
        Assert.Contains("does not lie within its storage", Refused(builder.ToLegacy()), StringComparison.Ordinal);

        static long[] Parse(string numbers) =>
            [.. numbers.Trim('[', ']').Split(", ").Select(n => long.Parse(n, System.Globalization.CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void Many_strided_views_of_one_storage_do_not_multiply_memory()
    {
        CheckpointBuilder builder = new();
        builder.AddStorage("0", "FloatStorage", 1 << 16, new byte[1 << 18]);
        for (int i = 0; i < 300; i++)
            builder.AddView($"w{i}", "0", 0, [256, 256], [1, 256]);
        Assert.Contains("strided views", Refused(builder.ToZip()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_storage_declared_in_two_ways_is_refused()
    {
        foreach (string type in (string[])["HalfStorage", "IntStorage"])
        {
            byte[] pickle = new PickleWriter().Begin().EmptyList().Mark()
                .Mark().Text("storage").Global("torch", "FloatStorage").Text("0").Text("cpu").Int(6).Tuple().PersistentId()
                .Mark().Text("storage").Global("torch", type).Text("0").Text("cpu").Int(6).Tuple().PersistentId()
                .Appends().Stop().ToArray();
            Assert.Contains("another type or length", Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1L << 40)]
    [InlineData(long.MaxValue)]
    [InlineData(7)]
    [InlineData(-1)]
    public void A_storage_that_is_not_as_long_as_declared_is_refused(long count)
    {
        CheckpointBuilder builder = new CheckpointBuilder()
            .AddStorage("0", "FloatStorage", count, new byte[24]).AddView("w", "0", 0, [1], [1]);
        Refused(builder.ToZip());
        Refused(builder.ToLegacy());
    }

    [Fact]
    public void A_missing_storage_is_named()
    {
        byte[] file = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers).ToZip();
        using MemoryStream stream = new();
        stream.Write(file);
        using (ZipArchive archive = new(stream, ZipArchiveMode.Update, leaveOpen: true))
            archive.GetEntry("archive/data/0")!.Delete();
        Assert.Contains("archive/data/0", Refused(stream.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_zip_bomb_is_refused()
    {
        byte[] file = new CheckpointBuilder().Add("w", TensorType.Float32, [16 << 20], new float[16 << 20])
            .ToZip(compression: CompressionLevel.Optimal);
        Assert.True(file.Length < 1 << 20);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("expands to more than", Refused(file), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void A_pickle_bomb_is_refused()
    {
        // Empty dictionaries: one byte each, and a pickler would never write them without anything between.
        byte[] pickle = [0x80, 2, .. Enumerable.Repeat((byte)'}', 90_000), (byte)'.'];
        Assert.Contains("far more objects", Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])), StringComparison.Ordinal);
        // Marks, and copies of the top of the stack.
        pickle = [0x80, 2, (byte)'N', .. Enumerable.Repeat((byte)'2', 200_000), (byte)'.'];
        Assert.Contains("far more objects", Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])), StringComparison.Ordinal);
        // A tuple in a tuple in a tuple: depth must not become recursion.
        pickle = [0x80, 2, (byte)'N', .. Enumerable.Repeat((byte)0x85, 2_000), (byte)'.'];
        Assert.Contains("other than a dictionary", Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])), StringComparison.Ordinal);
        // One list of a thousand pairs, made into a thousand dictionaries.
        PickleWriter dictionaries = new PickleWriter(4).Begin().EmptyList().Mark();
        for (int i = 0; i < 1000; i++)
            dictionaries.Mark().Text($"{i}").None().Tuple();
        dictionaries.Appends();
        for (int i = 0; i < 1000; i++)
            dictionaries.Global("collections", "OrderedDict").Raw((byte)'h', 0, 0x85).Reduce();
        Assert.Contains(
            "far more objects", Refused(CheckpointBuilder.Zip([("a/data.pkl", dictionaries.Stop().ToArray())])), StringComparison.Ordinal);
        // A memo entry far beyond those set so far.
        pickle = [0x80, 2, (byte)'N', (byte)'r', 0xFF, 0xFF, 0xFF, 0xFF, (byte)'.'];
        Assert.Contains("memo entry 4294967295", Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)])), StringComparison.Ordinal);
    }

    [Fact]
    public void Big_endian_files_are_refused()
    {
        CheckpointBuilder builder = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers);
        Assert.Contains("big-endian", Refused(builder.ToZip(more: ("byteorder", "big"u8.ToArray()))), StringComparison.Ordinal);
        Assert.Contains("big-endian", Refused(CheckpointBuilder.LegacyHeader(littleEndian: false)), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_something_else_say_so()
    {
        Assert.Contains("is empty", Refused([]), StringComparison.Ordinal);
        Assert.Contains(
            "Git LFS", Refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("not a checkpoint", Refused("<!DOCTYPE html>"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains(
            "not one of torch.save", Refused(new PickleWriter().Begin().EmptyDict().Stop().ToArray()), StringComparison.Ordinal);
        Assert.Contains("without a data.pkl", Refused(CheckpointBuilder.Zip([("a/model.json", [])])), StringComparison.Ordinal);
        Assert.Contains(
            "more than one data.pkl", Refused(CheckpointBuilder.Zip([("a/data.pkl", []), ("b/data.pkl", [])])), StringComparison.Ordinal);
        Assert.Contains("TorchScript", Refused(new CheckpointBuilder().ToZip(more: ("constants.pkl", []))), StringComparison.Ordinal);
        Assert.Contains("holds no tensors", Refused(new CheckpointBuilder { Wrapper = "optimizer" }.ToZip()), StringComparison.Ordinal);
    }

    [Fact]
    public void Paths_that_cannot_be_read_are_named()
    {
        string missing = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName(), "avg_model.pt");
        Assert.Equal(missing, Assert.Throws<InputException>(() => Checkpoint.Load(missing)).InputName);
        Assert.Contains(
            "is a folder", Assert.Throws<InputException>(() => Checkpoint.Load(Path.GetTempPath())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_collide_without_their_prefix_are_refused()
    {
        CheckpointBuilder builder = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers)
            .Add("module.w", TensorType.Float32, [6], Numbers);
        Assert.Contains("two tensors", Refused(builder.ToZip()), StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_of_other_types_are_named()
    {
        CheckpointBuilder builder = new CheckpointBuilder().AddStorage("0", "ByteStorage", 4, new byte[4])
            .AddView("mask", "0", 0, [4], [1]);
        Assert.Contains("mask is stored as ByteStorage", Refused(builder.ToZip()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""",
        12, "overlaps tensor a")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""",
        12, "hole of 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "hole of 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 8, "which has 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "truncated or corrupt")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}""", 4, "truncated or corrupt")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "does not have the 4 bytes")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[2000000000,2000000000,2000000000,2000000000,2000000000],"data_offsets":[0,4]}}""",
        4, "does not have the 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}""", 4, "lacks a proper")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1e2],"data_offsets":[0,4]}}""", 4, "damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}""", 4, "damaged")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""", 4, "stored as F8_E4M3")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""",
        4, "names a twice")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,4]}}""", 4, "lacks a proper")]
    [InlineData("""{"a":[1]}""", 0, "damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""", 4, "damaged")]
    [InlineData("""{} {}""", 0, "damaged")]
    [InlineData("""{"__metadata__":{"format":3}}""", 0, "damaged")]
    public void A_safetensors_header_that_lies_is_refused(string header, int bodyLength, string problem) =>
        Assert.Contains(problem, Refused(CheckpointBuilder.Safetensors(header, new byte[bodyLength])), StringComparison.Ordinal);

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(1000)]
    [InlineData(0)]
    [InlineData(1)]
    public void A_safetensors_header_of_wrong_length_is_refused(long length)
    {
        byte[] file = CheckpointBuilder.Safetensors("{}");
        BitConverter.GetBytes(length).CopyTo(file, 0);
        Refused(file);
    }

    [Fact]
    public void A_safetensors_header_that_is_not_utf8_is_refused()
    {
        byte[] file = CheckpointBuilder.Safetensors("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", new byte[4]);
        file[Array.IndexOf(file, (byte)'a')] = 0xFF;
        Refused(file);
    }

    [Fact]
    public void Truncated_anywhere_a_file_is_refused()
    {
        CheckpointBuilder builder = new CheckpointBuilder().Add("w", TensorType.Float32, [6], Numbers)
            .Add("b", TensorType.Int64, [2], 1, 2);
        byte[] safetensors = CheckpointBuilder.Safetensors("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", new byte[4]);
        foreach (byte[] file in (byte[][])[builder.ToZip(), builder.ToLegacy(), safetensors])
        {
            for (int length = 0; length < file.Length; length++)
                Refused(file[..length]);
        }
    }

    [Fact]
    public void Control_characters_of_names_do_not_reach_the_terminal()
    {
        byte[] pickle = new PickleWriter().Begin().Global("evil\u001b[2J", "\u0007" + new string('x', 5000)).Stop().ToArray();
        string message = Refused(CheckpointBuilder.Zip([("a/data.pkl", pickle)]));
        Assert.DoesNotContain(message, char.IsControl);
        Assert.InRange(message.Length, 0, 1000);
    }

    [Theory]
    [InlineData("models/wespeaker_tiny_glob.pt", 221)]
    [InlineData("models/wespeaker_tiny_softmax6_legacy.pt", 228)]
    [InlineData("models/head_arc_margin_6.pt", 1)]
    [InlineData("models/head_add_margin_6.pt", 1)]
    [InlineData("models/head_sphere_6.pt", 1)]
    [InlineData("models/speechbrain_tiny_embedding_model.ckpt", 231)]
    public void Files_of_PyTorch_load(string file, int tensors)
    {
        Checkpoint checkpoint = Checkpoint.Load(TestFiles.InTestdata(file));
        Assert.Equal(tensors, checkpoint.Tensors.Count);
        Assert.All(checkpoint.Tensors.Values, t => Assert.Equal(t.Shape.Aggregate(1, (a, b) => a * b), t.Values.Length));
    }

    [Fact]
    public void Numbers_of_PyTorch_are_those_in_the_archive()
    {
        string path = TestFiles.InTestdata("models/wespeaker_tiny_glob.pt");
        using ZipArchive archive = ZipFile.OpenRead(path);
        // torch.save numbers storages as it meets them.
        using Stream entry = archive.GetEntry("wespeaker_tiny_glob/data/0")!.Open();
        using MemoryStream raw = new();
        entry.CopyTo(raw);
        float[] expected = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(raw.ToArray()).ToArray();
        NamedTensor first = Checkpoint.Load(path).Tensors.First().Value;
        Assert.Equal("layer1.conv.weight [32, 80, 5]", $"{first.Name} {first.ShapeText}");
        Assert.Equal(expected, first.Values.ToArray());
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData("models/proj_add_margin_6.pt", "weight")]
    [InlineData("models/proj_arc_margin_6.pt", "weight")]
    [InlineData("models/proj_arc_margin_intertopk_subcenter_6.pt", "weight")]
    [InlineData(
        "models/proj_softmax_6.pt",
        "trans.0.weight,trans.0.bias,trans.0.running_mean,trans.0.running_var,trans.0.num_batches_tracked,trans.2.weight,trans.2.bias")]
    [InlineData("models/proj_sphere_6.pt", "weight")]
    [InlineData("models/proj_sphereface2_6.pt", "weight,bias")]
    public void Heads_of_PyTorch_load(string file, string names) =>
        Assert.Equal(names.Split(','), Checkpoint.Load(TestFiles.InReference(file)).Tensors.Keys);

    private static string Refused(byte[] file)
    {
        InputException refusal = Assert.Throws<InputException>(() => Checkpoint.Load(file, Name));
        Assert.Equal(Name, refusal.InputName);
        return refusal.Message;
    }
}
