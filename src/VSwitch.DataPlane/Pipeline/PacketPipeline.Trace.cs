using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>The words of an explanation. Never runs with <see cref="NoTrace"/>.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private void TraceIngress(PacketBuffer* p, DropReason reason, bool isRouted, bool isLocal)
    {
        string port = PortName(p->InPort);
        _tracer.Note(PipelineStage.Ingress, reason == DropReason.None
            ? $"port {port}: source MAC and address are its own" : $"port {port}: refused");
        if (reason == DropReason.None)
        {
            _tracer.Note(PipelineStage.Route, isLocal ? "for the router itself"
                : isRouted ? "by the router: TTL goes down by one" : "within the subnet, by MAC: TTL stays");
        }
    }

    private void TraceRule(PipelineStage stage, int port, int rule, bool isKept) => _tracer.Note(
        stage, rule == SecurityGroupTable.NoRule ? $"{PortName(port)}: no rule allows it"
            : isKept ? $"{PortName(port)}: allowed before by {_snapshot.SecurityGroups.Describe(rule)}, whose group keeps live connections"
            : $"{PortName(port)}: allowed by {_snapshot.SecurityGroups.Describe(rule)}");

    private void TraceAcl(Subnet subnet, bool isEgress, int rule, string what)
    {
        string border = $"{what}{(isEgress ? "out of" : "into")} subnet {subnet.Name}";
        _tracer.Note(PipelineStage.NetworkAcl, rule == NetworkAclTable.NoRule
            ? $"{border}: no rule of its network ACL names it, so it is denied"
            : $"{border}: {(_snapshot.NetworkAcls.Allows(rule) ? "allowed" : "denied")} by {_snapshot.NetworkAcls.Describe(rule)}");
    }

    private void TraceKnown(PacketBuffer* p, FlowEntry* entry)
    {
        string opener = PortName(_connections.DetailOf(entry)->OpenerPort);
        _tracer.Note(
            PipelineStage.Connection,
            $"known connection in state {entry->State.Name()}, opened by {opener}; the packet is {(IsReply(p, entry) ? "a reply" : "the opener's")}");
    }

    private void TraceForward(PacketBuffer* p, FlowAction* action)
    {
        if (action->Translates == FlowAction.TranslatesPorts && (p->Flags & PacketFlags.LaterFragment) == 0)
        {
            TraceMapped(p, action);
        }
        else if (action->SourceXor != 0)
        {
            uint source = Ip4Family.Source(p);
            _tracer.Note(PipelineStage.Translate, $"source {Text(source)} becomes {Text(source ^ action->SourceXor)}");
        }

        if (action->DestinationXor != 0 && (action->Translates != FlowAction.TranslatesPorts || (p->Flags & PacketFlags.LaterFragment) != 0))
        {
            uint destination = Ip4Family.Destination(p);
            _tracer.Note(
                PipelineStage.Translate, $"destination {Text(destination)} becomes {Text(destination ^ action->DestinationXor)}");
        }

        _tracer.Note(PipelineStage.Egress, $"port {PortName(action->OutPort)}");
        _tracer.Note(PipelineStage.Verdict, $"forwarded to {PortName(action->OutPort)}");
    }

    /// <summary>Addresses with ports; of an ICMP query with its identifier.</summary>
    private void TraceMapped(PacketBuffer* p, FlowAction* action)
    {
        uint ports = p->Protocol == ParseStage.Icmp ? *(ushort*)(p->Data + p->L4Offset + 4) * 0x1_0001u : *(uint*)(p->Data + p->L4Offset);
        uint source = Ip4Family.Source(p);
        uint destination = Ip4Family.Destination(p);
        if (action->SourceXor != 0)
        {
            _tracer.Note(
                PipelineStage.Translate,
                $"source {TextOf(source, (ushort)ports)} becomes {TextOf(source ^ action->SourceXor, (ushort)(ports ^ action->PortXor))}");
        }

        if (action->DestinationXor != 0)
        {
            ushort port = (ushort)(ports >> 16);
            _tracer.Note(
                PipelineStage.Translate,
                $"destination {TextOf(destination, port)} becomes {TextOf(destination ^ action->DestinationXor, (ushort)(port ^ (action->PortXor >> 16)))}");
        }
    }

    private string PortName(int port) => port < _snapshot.PortNames.Length ? _snapshot.PortNames[port] : $"#{port}";

    private static string Text(RawIp6 raw) => Wire.IpAddress.Read(new ReadOnlySpan<byte>(&raw, sizeof(RawIp6)), true).ToString();

    private static string Text(uint raw) =>
        Wire.IpAddress.V4(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(raw)).ToString();
}
