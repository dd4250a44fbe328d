using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Watching;

namespace VSwitch.DataPlane.Pipeline;

/// <content>VLANs of gateways (IEEE 802.1Q). The question: whose frame is it that came in by a device which gateways share?</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const ushort EtherTypeVlan = 0x0081;
    private const int TagBytes = 4;
    private const int MacBytes = 12;
    private const int VlanMask = 0x0FFF;

    /// <summary>Makes a frame of a shared device one of its gateway's. Priority and drop eligibility in the tag mean nothing, and a tag
    /// with VLAN 0 says nothing else (IEEE 802.1Q, priority-tagged).</summary>
    /// <returns>The gateway's port; 0 when the frame came to its end.</returns>
    private int TakeOffTag(PacketBuffer* p, int trunk)
    {
        bool isTagged = p->Length >= ParseStage.EthernetBytes + TagBytes && ParseStage.EtherType(p) == EtherTypeVlan;
        int vlan = isTagged ? BinaryPrimitives.ReverseEndianness(*(ushort*)(p->Data + ParseStage.EthernetBytes)) & VlanMask : 0;
        int port = _snapshot.Trunks[trunk]!.Ports[vlan];
        if (port == 0 || p->Length < ParseStage.EthernetBytes)
        {
            p->KeyHigh = NoTuple;
            Drop(p, p->Length < ParseStage.EthernetBytes ? DropReason.MalformedEthernet : DropReason.UnknownVlan);
            return 0;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Ingress, isTagged
                ? $"VLAN {vlan} of {PortName(trunk)}: the frame of gateway {PortName(port)}"
                : $"without a tag on {PortName(trunk)}: the frame of gateway {PortName(port)}");
        }

        NoteEnd(p, PacketVerdict.Consumed);
        if (isTagged)
        {
            UntagFrame(p);
        }

        BeginInside(p, port);
        return port;
    }

    private static void UntagFrame(PacketBuffer* p)
    {
        ulong first = *(ulong*)p->Data;
        uint rest = *(uint*)(p->Data + sizeof(ulong));
        p->Data += TagBytes;
        p->Length -= TagBytes;
        *(ulong*)p->Data = first;
        *(uint*)(p->Data + sizeof(ulong)) = rest;
        MoveOffload(p, -TagBytes);
    }

    /// <summary>What the sender left to its device is counted from the frame's first byte. A sender that says nonsense is found out when the
    /// frame is parsed (<see cref="Local.SuperPacket.IsSound"/>).</summary>
    private static void MoveOffload(PacketBuffer* p, int bytes)
    {
        if (Local.SuperPacket.IsMarked(p))
        {
            p->Offload.HeaderLength = (ushort)(p->Offload.HeaderLength + bytes);
            p->Offload.ChecksumStart = (ushort)(p->Offload.ChecksumStart + bytes);
        }
    }

    /// <summary>The frame that was inside another one begins its own way, by its own port. The outer frame counts as received where it came
    /// in, this one where it comes out.</summary>
    private void BeginInside(PacketBuffer* p, int port)
    {
        _counters.Ports[p->InPort].Carried++;
        p->Flags = PacketFlags.None;
        p->InPort = (ushort)port;
        _counters.Ports[port].ReceivedPackets++;
        _counters.Ports[port].ReceivedBytes += p->Length;
        _watch?.NoteReceived(p, port, Place);
    }

    /// <summary>Puts the gateway's tag on its frames, and takes it off again once they were sent.</summary>
    private sealed class VlanDevice(PacketPipeline<TTracer> pipeline, Gateway gateway) : GatewayLinkDevice(pipeline, gateway)
    {
        public override DeviceCapabilities Capabilities => Carrier?.Capabilities ?? new DeviceCapabilities(1, ushort.MaxValue, Offload: false);

        protected override bool IsReady() => true;

        protected override void Wrap(PacketBuffer* p)
        {
            if (Gateway.Vlan == 0)
            {
                return;
            }

            byte* frame = p->Data - TagBytes;
            Unsafe.CopyBlockUnaligned(frame, p->Data, MacBytes);
            *(ushort*)(frame + MacBytes) = EtherTypeVlan;
            *(ushort*)(frame + MacBytes + sizeof(ushort)) = BinaryPrimitives.ReverseEndianness(Gateway.Vlan);
            p->Data = frame;
            p->Length += TagBytes;
            p->L3Offset += TagBytes;
            p->L4Offset += TagBytes;
            MoveOffload(p, TagBytes);
        }
    }
}
